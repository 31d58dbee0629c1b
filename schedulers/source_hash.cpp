// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/source_hash.hpp"

#include "schedulers/address_hash.hpp"

namespace usher {

SourceHash::SourceHash(Servers list, const SchedulerOptions& options)
    : Scheduler(std::move(list)), fallback_(options.fallback), port_(options.port) {
    const std::span all = servers();
    std::uint32_t index = 0;
    std::uint32_t taken = 0;  // by this server in this turn
    for (std::uint32_t& place : table_) {
        place = index;
        if (all.empty() || ++taken < all[index].weight) continue;
        taken = 0;
        if (++index == all.size()) index = 0;
    }
}

Choice SourceHash::choose(const Arrival& arrival, Loads loads,
                          std::uint64_t cursor) const noexcept {
    if (servers().empty()) return {kNoServer, cursor};
    const std::uint32_t first =
        hash8(folded(arrival.client) + (port_ ? std::uint32_t{arrival.client_port} : 0));
    const auto at = [&](std::uint32_t place) { return table_[place % kPlaces]; };
    if (is_usable(servers()[at(first)], loads)) return {static_cast<int>(at(first)), cursor};
    if (!fallback_) return {kNoServer, cursor};
    for (std::uint32_t i = 0; i < kPlaces; ++i) {
        const std::uint32_t index = at(first + (i + first) % kPlaces);
        if (is_usable(servers()[index], loads)) return {static_cast<int>(index), cursor};
    }
    return {kNoServer, cursor};
}

}  // namespace usher
