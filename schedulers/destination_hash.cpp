// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/destination_hash.hpp"

#include "schedulers/address_hash.hpp"

namespace usher {

DestinationHash::DestinationHash(Servers list) : Scheduler(std::move(list)) {
    const auto count = static_cast<std::uint32_t>(servers().size());
    std::uint32_t index = 0;
    for (std::uint32_t& place : table_) {
        place = index;
        if (++index >= count) index = 0;
    }
}

Choice DestinationHash::choose(const Arrival& arrival, Loads loads,
                               std::uint64_t cursor) const noexcept {
    if (servers().empty()) return {kNoServer, cursor};
    const std::uint32_t index = table_[hash8(folded(arrival.destination))];
    const bool usable = is_usable(servers()[index], loads);
    return {usable ? static_cast<int>(index) : kNoServer, cursor};
}

}  // namespace usher
