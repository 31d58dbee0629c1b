// SPDX-License-Identifier: BSD-3-Clause
// wlc: the least (256 * active + inactive) / weight; ties go to the first in the list.
#pragma once

#include "schedulers/scheduler.hpp"

namespace usher {

class WeightedLeastConnection final : public Scheduler {
  public:
    using Scheduler::Scheduler;
    Choice choose(const Arrival&, Loads loads, std::uint64_t cursor) const noexcept override;
};

}  // namespace usher
