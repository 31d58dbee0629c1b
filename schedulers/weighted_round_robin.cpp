// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/weighted_round_robin.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace usher {

namespace {

constexpr std::uint32_t kShort = 16;  // servers: fewer are walked over

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
    count_ = static_cast<std::uint32_t>(all.size());
    std::uint32_t divisor = 0;
    std::uint32_t greatest = 0;
    for (const ScheduledServer& server : all) {
        if (divisor != 1) divisor = std::gcd(divisor, server.weight);
        greatest = std::max(greatest, server.weight);
    }
    step_ = divisor > 0 ? divisor : 1;
    top_ = greatest > 0 ? greatest - (step_ - 1) : 0;
    if (count_ <= kShort) return;

    leaves_ = std::bit_ceil(count_);
    greatest_.assign(2 * std::size_t{leaves_}, 0);
    for (std::size_t i = 0; i < all.size(); ++i)
        greatest_[leaves_ + i] = all[i].weight;
    for (std::size_t node = leaves_ - 1; node > 0; --node)
        greatest_[node] = std::max(greatest_[2 * node], greatest_[2 * node + 1]);
}

// The first server at or after `from` whose weight reaches `bar` (> 0); count_ when there is none.
std::uint32_t WeightedRoundRobin::next_reaching(std::uint32_t from,
                                                std::uint32_t bar) const noexcept {
    if (from >= count_) return count_;
    if (greatest_.empty()) {
        const std::span all = servers();
        while (from < count_ && all[from].weight < bar)
            ++from;
        return from;
    }
    std::uint32_t node = leaves_ + from;
    while (greatest_[node] < bar) {
        while (node & 1)
            node >>= 1;  // up, until there is a right neighbour
        if (node == 0) return count_;
        ++node;
    }
    while (node < leaves_) {
        node *= 2;
        if (greatest_[node] < bar) ++node;
    }
    return node - leaves_;
}

std::uint32_t WeightedRoundRobin::next_usable(std::uint32_t from, std::uint32_t bar,
                                              Loads loads) const noexcept {
    const std::span all = servers();
    while ((from = next_reaching(from, bar)) < count_ && loads.overloaded(all[from].slot))
        ++from;
    return from;
}

Choice WeightedRoundRobin::choose(const Arrival&, Loads loads,
                                  std::uint64_t cursor) const noexcept {
    if (top_ == 0) return {kNoServer, cursor};
    std::uint32_t bar = bar_of(cursor);
    std::uint32_t server = next_reaching(position_of(cursor), bar);
    if (server == count_) {
        bar = bar > step_ ? bar - step_ : top_;
        // The greatest weight reaches every bar, so one more walk finds a server.
        server = next_reaching(0, bar);
    }
    if (loads.overloaded(servers()[server].slot)) return choose_among_overloaded(loads, cursor);
    return {static_cast<int>(server), cursor_of(bar, server + 1)};
}

// The same walk when it meets an overloaded server: the bars that only such servers reach are left
// out in one go.
Choice WeightedRoundRobin::choose_among_overloaded(Loads loads,
                                                   std::uint64_t cursor) const noexcept {
    std::uint32_t greatest = 0;
    for (const ScheduledServer& server : servers())
        if (!loads.overloaded(server.slot)) greatest = std::max(greatest, server.weight);
    // ip_vs_wrr starts over when it has tried the last bar with the whole list; a walk that began
    // in the middle of the list with that bar ends there, at its last server.
    if (greatest == 0) {
        if (position_of(cursor) == 0 || bar_of(cursor) > step_) return {kNoServer, first_cursor()};
        return {kNoServer, cursor_of((top_ - 1) % step_ + 1, position_of(cursor))};
    }

    std::uint32_t bar = bar_of(cursor);
    std::uint32_t server = next_usable(position_of(cursor), bar, loads);
    // At most three walks, if `greatest` stays usable: to the bar that it reaches, from here or
    // from the top.
    for (int walks = 0; server == count_ && walks < 3; ++walks) {
        bar = bar > step_ ? bar - step_ : top_;
        if (bar > greatest) {
            const std::uint32_t steps = (bar - greatest + step_ - 1) / step_;
            bar -= steps * step_;
        }
        server = next_usable(0, bar, loads);
    }
    if (server == count_) return {kNoServer, cursor};
    return {static_cast<int>(server), cursor_of(bar, server + 1)};
}

std::uint64_t WeightedRoundRobin::first_cursor() const {
    return cursor_of(top_, 0);
}

namespace {
// ip_vs_wrr keeps the bar over a change when it can: floor(bar / step) * step + 1.
std::uint32_t bar_after_change(std::uint32_t bar, std::uint32_t step, std::uint32_t top) {
    if (bar > top || bar == 0) return top;
    return step == 1 ? bar : bar / step * step + 1;
}
}  // namespace

std::uint64_t WeightedRoundRobin::grown_cursor() const {
    const std::span all = servers();
    std::uint32_t bar = 0;
    std::uint32_t divisor = 0;
    std::uint32_t greatest = 0;
    for (std::size_t i = all.size(); i-- > 0;) {
        divisor = std::gcd(divisor, all[i].weight);
        greatest = std::max(greatest, all[i].weight);
        const std::uint32_t step = divisor > 0 ? divisor : 1;
        bar = bar_after_change(bar, step, greatest > 0 ? greatest - (step - 1) : 0);
    }
    return cursor_of(bar, 0);
}

std::uint64_t WeightedRoundRobin::carry(const Scheduler&, std::uint64_t cursor) const {
    return cursor_of(bar_after_change(bar_of(cursor), step_, top_), 0);
}

}  // namespace usher
