// SPDX-License-Identifier: BSD-3-Clause
// fo: the server with the greatest weight, the first of equal ones, however many connections it
// has. Remembers nothing: workers do not meet.
#pragma once

#include "schedulers/scheduler.hpp"

namespace usher {

class WeightedFailover final : public Scheduler {
  public:
    explicit WeightedFailover(Servers servers);
    Choice choose(const Arrival&, Loads loads, std::uint64_t cursor) const noexcept override;

  private:
    std::vector<std::uint32_t> order_;  // indices, in the order in which they are tried
};

}  // namespace usher
