// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/weighted_round_robin.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace usher {

namespace {

constexpr std::uint64_t cursor_of(std::uint32_t bar, std::uint32_t position) {
    return std::uint64_t{bar} << 32 | position;
}
constexpr std::uint32_t bar_of(std::uint64_t cursor) {
    return static_cast<std::uint32_t>(cursor >> 32);
}
constexpr std::uint32_t position_of(std::uint64_t cursor) {
    return static_cast<std::uint32_t>(cursor);
}

}  // namespace

WeightedRoundRobin::WeightedRoundRobin(Servers list) : Scheduler(std::move(list)) {
    const std::span all = servers();
    std::uint32_t divisor = 0;
    std::uint32_t greatest = 0;
    for (const ScheduledServer& server : all) {
        divisor = std::gcd(divisor, server.weight);
        greatest = std::max(greatest, server.weight);
    }
    step_ = divisor > 0 ? divisor : 1;
    top_ = greatest > 0 ? greatest - (step_ - 1) : 0;

    leaves_ = std::bit_ceil(std::max<std::uint32_t>(1, static_cast<std::uint32_t>(all.size())));
    greatest_.assign(2 * std::size_t{leaves_}, 0);
    for (std::size_t i = 0; i < all.size(); ++i)
        greatest_[leaves_ + i] = all[i].weight;
    for (std::size_t node = leaves_ - 1; node > 0; --node)
        greatest_[node] = std::max(greatest_[2 * node], greatest_[2 * node + 1]);
}

// The first server at or after `from` whose weight reaches `bar` (> 0); leaves_ when there is none.
std::uint32_t WeightedRoundRobin::next_reaching(std::uint32_t from,
                                                std::uint32_t bar) const noexcept {
    if (from >= leaves_) return leaves_;
    std::uint32_t node = leaves_ + from;
    while (greatest_[node] < bar) {
        while (node & 1)
            node >>= 1;  // up, until there is a right neighbour
        if (node == 0) return leaves_;
        ++node;
    }
    while (node < leaves_) {
        node *= 2;
        if (greatest_[node] < bar) ++node;
    }
    return node - leaves_;
}

Choice WeightedRoundRobin::choose(const Arrival&, Loads, std::uint64_t cursor) const noexcept {
    if (top_ == 0) return {kNoServer, cursor};
    std::uint32_t bar = bar_of(cursor);
    std::uint32_t server = next_reaching(position_of(cursor), bar);
    if (server == leaves_) {
        bar = bar > step_ ? bar - step_ : top_;
        // The greatest weight reaches every bar, so one more walk finds a server.
        server = next_reaching(0, bar);
    }
    return {static_cast<int>(server), cursor_of(bar, server + 1)};
}

std::uint64_t WeightedRoundRobin::first_cursor() const {
    return cursor_of(top_, 0);
}

// ip_vs_wrr keeps the bar over a change when it can: floor(bar / step) * step + 1.
std::uint64_t WeightedRoundRobin::carry(const Scheduler&, std::uint64_t cursor) const {
    const std::uint32_t bar = bar_of(cursor);
    if (bar > top_ || bar == 0) return cursor_of(top_, 0);
    if (step_ == 1) return cursor_of(bar, 0);
    return cursor_of(bar / step_ * step_ + 1, 0);
}

}  // namespace usher
