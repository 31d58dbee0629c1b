// SPDX-License-Identifier: BSD-3-Clause
// lc: the least 256 * active + inactive; ties go to the first in the list; weights other than 0 do
// not matter. Two workers: see least_loaded.hpp.
#pragma once

#include "schedulers/least_loaded.hpp"

namespace usher {

struct Connections : AnyUsable {
    static constexpr bool kWeighted = false;
    static std::uint64_t load(Loads loads, std::uint32_t slot) {
        return ConnectionsPerWeight::load(loads, slot);
    }
};

class LeastConnection final : public Scheduler {
  public:
    explicit LeastConnection(Servers list) : Scheduler(std::move(list)), least_(servers()) {}
    Choice choose(const Arrival&, Loads loads, std::uint64_t cursor) const noexcept override;

  private:
    const LeastLoaded<Connections> least_;
};

}  // namespace usher
