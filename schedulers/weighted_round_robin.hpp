// SPDX-License-Identifier: BSD-3-Clause
// wrr: IPVS's interleaved weighted round robin. The list is walked again and again with a falling
// bar: a server is taken when its weight reaches the bar; at the end of the list the bar falls by
// the greatest common divisor of the weights, and after the last step it starts over at the top.
// With weights 4, 3, 2: 0, 0 1, 0 1 2, 0 1 2. An overloaded server is passed over.
//
// Cursor: the bar in the upper 32 bits, 1 + the index of the last server used in the lower ones (0:
// at the head of the list). Any change of the servers sends the walk back to the head.
//
// The walk does not look at each server of a long list: a tree of maxima finds the next one that
// reaches the bar; and no bar is tried that no usable server reaches.
//
// Two workers: whoever keeps the cursor lets each value be used once, so the shares are exact.
#pragma once

#include "schedulers/scheduler.hpp"

namespace usher {

class WeightedRoundRobin final : public Scheduler {
  public:
    explicit WeightedRoundRobin(Servers servers);
    Choice choose(const Arrival&, Loads loads, std::uint64_t cursor) const noexcept override;
    std::uint64_t first_cursor() const override;
    std::uint64_t grown_cursor() const override;
    std::uint64_t carry(const Scheduler& before, std::uint64_t cursor) const override;

  private:
    std::uint32_t next_reaching(std::uint32_t from, std::uint32_t bar) const noexcept;
    std::uint32_t next_usable(std::uint32_t from, std::uint32_t bar, Loads loads) const noexcept;
    Choice choose_among_overloaded(Loads loads, std::uint64_t cursor) const noexcept;

    std::uint32_t step_ = 1;   // gcd of the weights over 0
    std::uint32_t top_ = 0;    // greatest weight - (step - 1); 0: no server is usable
    std::uint32_t count_ = 0;  // of servers: "none" where an index is meant
    // A binary tree: node n has children 2n and 2n + 1, the leaves are the servers' weights. Empty
    // for a short list.
    std::uint32_t leaves_ = 0;
    std::vector<std::uint32_t> greatest_;
};

}  // namespace usher
