// SPDX-License-Identifier: BSD-3-Clause
// rr: the server after the last one used; weights other than 0 do not matter.
//
// Cursor: 0 before the first decision, then 1 + the index of the last server used. A server that
// is added goes to the head of the list and so gets its turn at the wrap; when the last used one
// is deleted, the one before it counts as the last used.
#pragma once

#include "schedulers/scheduler.hpp"

namespace usher {

class RoundRobin final : public Scheduler {
  public:
    explicit RoundRobin(Servers servers);
    Choice choose(const Arrival&, Loads, std::uint64_t cursor) const noexcept override;
    std::uint64_t carry(const Scheduler& before, std::uint64_t cursor) const override;

  private:
    std::vector<std::uint32_t> usable_;  // indices with a weight, ascending
    std::vector<std::uint32_t> next_;    // by cursor: position in usable_ of the first one after
};

}  // namespace usher
