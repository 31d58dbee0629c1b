// SPDX-License-Identifier: BSD-3-Clause
// sh: a table of 256 places; from the head of the list each server takes as many in a row as its
// weight says, and so on again until the table is full. A client's place is the hash of its
// address, with `port` of address + port. If the server there has weight 0 or is overloaded the
// connection is refused; with `fallback` other places are tried, in an order that depends on the
// first. A server of weight 0 keeps one place, so some clients meet it. Remembers nothing: workers
// do not meet.
#pragma once

#include <array>

#include "schedulers/scheduler.hpp"

namespace usher {

class SourceHash final : public Scheduler {
  public:
    SourceHash(Servers servers, const SchedulerOptions& options);
    Choice choose(const Arrival& arrival, Loads loads,
                  std::uint64_t cursor) const noexcept override;

  private:
    static constexpr std::uint32_t kPlaces = 256;

    const bool fallback_;
    const bool port_;
    std::array<std::uint32_t, kPlaces> table_{};  // indices
};

}  // namespace usher
