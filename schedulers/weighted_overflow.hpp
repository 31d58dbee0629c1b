// SPDX-License-Identifier: BSD-3-Clause
// ovf: the greatest weight among the servers that have no more active connections than weight; so a
// server overflows to the next after weight + 1. None when all are full. Only active connections
// count: UDP never overflows. Two workers: see least_loaded.hpp; each may give a server its
// last connection.
#pragma once

#include "schedulers/least_loaded.hpp"

namespace usher {

// The greatest weight is the least 1 / weight.
struct HasRoom {
    static constexpr bool kWeighted = true;
    static std::uint64_t load(Loads, std::uint32_t) { return 1; }
    static bool takes(const ScheduledServer& server, Loads loads) {
        return is_usable(server, loads) && loads.active(server.slot) <= server.weight;
    }
};

class WeightedOverflow final : public Scheduler {
  public:
    explicit WeightedOverflow(Servers list) : Scheduler(std::move(list)), least_(servers()) {}
    Choice choose(const Arrival&, Loads loads, std::uint64_t cursor) const noexcept override;

  private:
    const LeastLoaded<HasRoom> least_;
};

}  // namespace usher
