// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/round_robin.hpp"

#include <algorithm>

namespace usher {

namespace {
constexpr std::size_t kShort = 16;  // servers: fewer are walked over
}

RoundRobin::RoundRobin(Servers list) : Scheduler(std::move(list)) {
    const std::span all = servers();
    const auto quiesced = [](const ScheduledServer& s) { return s.weight == 0; };
    if (all.size() <= kShort || std::none_of(all.begin(), all.end(), quiesced)) return;
    weighted_.resize(all.size());
    auto next = static_cast<std::uint32_t>(all.size());
    for (std::uint32_t i = next; i-- > 0;) {
        if (all[i].weight > 0) next = i;
        weighted_[i] = next;
    }
}

// The first usable server at or after `from`; the length of the list when there is none.
std::size_t RoundRobin::next_usable(std::size_t from, Loads loads) const noexcept {
    const std::span all = servers();
    for (std::size_t i = from; i < all.size(); ++i) {
        if (!weighted_.empty()) i = weighted_[i];
        if (i < all.size() && is_usable(all[i], loads)) return i;
    }
    return all.size();
}

Choice RoundRobin::choose(const Arrival&, Loads loads, std::uint64_t cursor) const noexcept {
    const std::size_t count = servers().size();
    std::size_t server = next_usable(std::min<std::uint64_t>(cursor, count), loads);
    if (server == count) server = next_usable(0, loads);
    if (server == count) return {kNoServer, cursor};
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
