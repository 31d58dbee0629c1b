// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/locality_replicated.hpp"

namespace usher {

LocalityReplicated::LocalityReplicated(Servers list, const SchedulerOptions& options)
    : Locality(std::move(list), options.lblcr_expiration) {}

// False: the set changed meanwhile.
bool LocalityReplicated::look_at(DestinationCache::Place place, Loads loads,
                                 Members& members) const noexcept {
    const auto is_less = [&](int a, int b) noexcept {
        return LeastLoaded<ConnectionsPerWeight>::is_less(
            ConnectionsPerWeight::load(loads, server(a).slot), server(a).weight,
            ConnectionsPerWeight::load(loads, server(b).slot), server(b).weight);
    };
    return cache().visit(place, [&](ServerName name) noexcept {
        ++members.count;
        const int index = index_of(name);
        if (index == kNoServer || server(index).weight == 0) return;
        if (members.most == kNoServer || is_less(members.most, index)) members.most = index;
        if (loads.overloaded(server(index).slot)) return;
        if (members.least == kNoServer || is_less(index, members.least)) members.least = index;
    });
}

Choice LocalityReplicated::choose(const Arrival& arrival, Loads loads,
                                  std::uint64_t cursor) const noexcept {
    DestinationCache::Place place = cache().find(arrival.destination, arrival.now, expiration_);
    if (place) {
        Members members;
        if (look_at(place, loads, members)) {
            if (members.count > 1 && members.most != kNoServer &&
                arrival.now - cache().modified(place) > expiration_)
                place = cache().remove(place, name_of(members.most), arrival.now);
            if (members.least != kNoServer && !is_swamped(server(members.least), loads)) {
                if (place) cache().touch(place, arrival.now);
                return {members.least, cursor};
            }
        } else {
            place = {};
        }
        const int chosen = least(loads);
        if (chosen == kNoServer || !place) return {chosen, cursor};
        bool known = false;
        const bool valid = cache().visit(
            place, [&](ServerName name) noexcept { known = known || name == name_of(chosen); });
        if (valid && !known) cache().add(place, name_of(chosen), arrival.now);
        if (known) cache().touch(place, arrival.now);
        return {chosen, cursor};
    }
    const int chosen = least(loads);
    if (chosen != kNoServer)
        cache().insert(arrival.destination, name_of(chosen), arrival.now, expiration_);
    return {chosen, cursor};
}

}  // namespace usher
