// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/locality_least_connection.hpp"

namespace usher {

LocalityLeastConnection::LocalityLeastConnection(Servers list, const SchedulerOptions& options)
    : Locality(std::move(list), options.lblc_expiration) {}

Choice LocalityLeastConnection::choose(const Arrival& arrival, Loads loads,
                                       std::uint64_t cursor) const noexcept {
    const DestinationCache::Place place =
        cache().find(arrival.destination, arrival.now, expiration_);
    if (place) {
        int kept = kNoServer;
        const bool valid =
            cache().visit(place, [&](ServerName name) noexcept { kept = index_of(name); });
        if (valid && kept != kNoServer && server(kept).weight > 0 &&
            !is_swamped(server(kept), loads)) {
            cache().touch(place, arrival.now);
            return {kept, cursor};
        }
    }
    const int chosen = least(loads);
    if (chosen == kNoServer) return {kNoServer, cursor};
    if (place)
        cache().replace(place, name_of(chosen), arrival.now);
    else
        cache().insert(arrival.destination, name_of(chosen), arrival.now, expiration_);
    return {chosen, cursor};
}

}  // namespace usher
