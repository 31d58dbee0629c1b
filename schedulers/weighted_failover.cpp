// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/weighted_failover.hpp"

#include <algorithm>

namespace usher {

WeightedFailover::WeightedFailover(Servers list) : Scheduler(std::move(list)) {
    const std::span all = servers();
    order_.reserve(all.size());
    for (std::uint32_t i = 0; i < all.size(); ++i)
        if (all[i].weight > 0) order_.push_back(i);
    std::sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
        return all[a].weight != all[b].weight ? all[a].weight > all[b].weight : a < b;
    });
}

Choice WeightedFailover::choose(const Arrival&, Loads loads, std::uint64_t cursor) const noexcept {
    for (const std::uint32_t index : order_)
        if (!loads.overloaded(servers()[index].slot)) return {static_cast<int>(index), cursor};
    return {kNoServer, cursor};
}

}  // namespace usher
