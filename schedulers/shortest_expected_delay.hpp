// SPDX-License-Identifier: BSD-3-Clause
// sed: the least (active + 1) / weight; ties go to the first in the list. Two workers: see
// least_loaded.hpp.
#pragma once

#include "schedulers/least_loaded.hpp"

namespace usher {

struct ExpectedDelay : AnyUsable {
    static constexpr bool kWeighted = true;
    static std::uint64_t load(Loads loads, std::uint32_t slot) { return loads.active(slot) + 1; }
};

class ShortestExpectedDelay final : public Scheduler {
  public:
    explicit ShortestExpectedDelay(Servers list) : Scheduler(std::move(list)), least_(servers()) {}
    Choice choose(const Arrival&, Loads loads, std::uint64_t cursor) const noexcept override;

  private:
    const LeastLoaded<ExpectedDelay> least_;
};

}  // namespace usher
