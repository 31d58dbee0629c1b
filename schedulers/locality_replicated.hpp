// SPDX-License-Identifier: BSD-3-Clause
// lblcr: a destination has a set of servers, and a connection gets the one of them that wlc would
// name. When that is swamped (see lblc) or there is none, wlc chooses among all, and the winner
// joins the set. A set of more than one that did not change for lblcr_expiration seconds loses its
// most loaded server. Deleted servers stay in the set unseen, and count again when they are added
// again.
#pragma once

#include "schedulers/locality.hpp"

namespace usher {

class LocalityReplicated final : public Locality {
  public:
    LocalityReplicated(Servers servers, const SchedulerOptions& options);
    Choice choose(const Arrival& arrival, Loads loads,
                  std::uint64_t cursor) const noexcept override;

  private:
    struct Members {
        int least = kNoServer;  // of the usable ones
        int most = kNoServer;   // of those with a weight
        std::uint32_t count = 0;
    };
    bool look_at(DestinationCache::Place place, Loads loads, Members& members) const noexcept;
};

}  // namespace usher
