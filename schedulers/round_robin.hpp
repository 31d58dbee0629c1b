// SPDX-License-Identifier: BSD-3-Clause
// rr: the server after the last one used; weights other than 0 do not matter.
//
// Cursor: 0 before the first decision, then 1 + the index of the last server used. A server that
// is added goes to the head of the list and so gets its turn at the wrap; when the last used one
// is deleted, the one before it counts as the last used.
//
// Two workers: whoever keeps the cursor lets each value be used once, so the turns are exact.
#pragma once

#include "schedulers/scheduler.hpp"

namespace usher {

class RoundRobin final : public Scheduler {
  public:
    explicit RoundRobin(Servers servers);
    Choice choose(const Arrival&, Loads loads, std::uint64_t cursor) const noexcept override;
    std::uint64_t carry(const Scheduler& before, std::uint64_t cursor) const override;

  private:
    std::size_t next_usable(std::size_t from, Loads loads) const noexcept;

    // By index: the first server from there that has a weight. Empty where a walk is as good: in a
    // short list, or when all have one.
    std::vector<std::uint32_t> weighted_;
};

}  // namespace usher
