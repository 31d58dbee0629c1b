// SPDX-License-Identifier: BSD-3-Clause
// slow_start of a service: a server that is new to it, or back from weight 0, begins with next to
// nothing and grows to its weight in that time. The scheduler is told a growing weight; what the
// operators see is the one they set. Pure values; times in seconds.
//
// Weights are often 1, and nothing lies between 0 and 1: while a server grows, all weights of the
// service are told times kScale, where the scheduler goes by their ratio alone.
#pragma once

#include <cstdint>
#include <map>

#include "control/desired_state.hpp"

namespace usher {

class SlowStart {
  public:
    static constexpr std::uint32_t kScale = 64;

    SlowStart() = default;
    // What grows in `now`, given what there was before: nullptr for a service that is new (its
    // first servers, those of the same batch, begin at full weight).
    SlowStart(const SlowStart& before, const DesiredService* was, const DesiredService& is,
              std::uint32_t now);

    bool growing() const { return !since_.empty(); }
    std::uint32_t weight(const DesiredServer& server, std::uint32_t now) const;
    std::uint32_t scaled(std::uint32_t weight) const;  // of one that does not grow

  private:
    std::uint32_t duration_ = 0;
    std::uint32_t scale_ = 1;
    std::map<ServerKey, std::uint32_t> since_;
};

}  // namespace usher
