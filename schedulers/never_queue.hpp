// SPDX-License-Identifier: BSD-3-Clause
// nq: the first server without an active connection, whatever its weight; if all have some, as sed
// does: the least (active + 1) / weight. Two workers: see least_loaded.hpp.
#pragma once

#include "schedulers/least_loaded.hpp"

namespace usher {

struct DelayUnlessIdle : AnyUsable {
    static constexpr bool kWeighted = true;
    static std::uint64_t load(Loads loads, std::uint32_t slot) {
        const std::uint64_t active = loads.active(slot);
        return active == 0 ? 0 : active + 1;
    }
};

class NeverQueue final : public Scheduler {
  public:
    explicit NeverQueue(Servers list) : Scheduler(std::move(list)), least_(servers()) {}
    Choice choose(const Arrival&, Loads loads, std::uint64_t cursor) const noexcept override;

  private:
    const LeastLoaded<DelayUnlessIdle> least_;
};

}  // namespace usher
