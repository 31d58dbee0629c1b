// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/round_robin.hpp"

#include <algorithm>

namespace usher {

RoundRobin::RoundRobin(Servers list) : Scheduler(std::move(list)) {
    const std::span all = servers();
    for (std::uint32_t i = 0; i < all.size(); ++i) {
        next_.push_back(static_cast<std::uint32_t>(usable_.size()));
        if (all[i].weight > 0) usable_.push_back(i);
    }
    next_.push_back(static_cast<std::uint32_t>(usable_.size()));
}

Choice RoundRobin::choose(const Arrival&, Loads, std::uint64_t cursor) const noexcept {
    if (usable_.empty()) return {kNoServer, cursor};
    const std::uint32_t position = next_[std::min<std::uint64_t>(cursor, next_.size() - 1)];
    const std::uint32_t server = usable_[position == usable_.size() ? 0 : position];
    return {static_cast<int>(server), server + std::uint64_t{1}};
}

std::uint64_t RoundRobin::carry(const Scheduler& before, std::uint64_t cursor) const {
    const std::span old = before.servers();
    const std::span now = servers();
    for (std::uint64_t last = std::min<std::uint64_t>(cursor, old.size()); last > 0; --last) {
        const auto same = std::find_if(now.begin(), now.end(), [&](const ScheduledServer& s) {
            return s.slot == old[last - 1].slot;
        });
        if (same != now.end()) return static_cast<std::uint64_t>(same - now.begin()) + 1;
    }
    return 0;
}

}  // namespace usher
