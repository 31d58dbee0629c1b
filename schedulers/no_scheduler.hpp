// SPDX-License-Identifier: BSD-3-Clause
// none: IPVS's service without a scheduler. New connections are refused; persistent clients go to
// their template's server as long as they have one.
#pragma once

#include "schedulers/scheduler.hpp"

namespace usher {

class NoScheduler final : public Scheduler {
  public:
    using Scheduler::Scheduler;
    Choice choose(const Arrival&, Loads, std::uint64_t cursor) const noexcept override {
        return {kNoServer, cursor};
    }
};

}  // namespace usher
