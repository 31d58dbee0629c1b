// SPDX-License-Identifier: BSD-3-Clause
// wlc: the least (256 * active + inactive) / weight; ties go to the first in the list.
// Two workers: see least_loaded.hpp.
#pragma once

#include "schedulers/least_loaded.hpp"

namespace usher {

class WeightedLeastConnection final : public Scheduler {
  public:
    explicit WeightedLeastConnection(Servers list)
        : Scheduler(std::move(list)), least_(servers()) {}
    Choice choose(const Arrival&, Loads loads, std::uint64_t cursor) const noexcept override;

  private:
    const LeastLoaded<ConnectionsPerWeight> least_;
};

}  // namespace usher
