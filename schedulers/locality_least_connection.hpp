// SPDX-License-Identifier: BSD-3-Clause
// lblc: a destination keeps the server that it was given, until that has weight 0, is deleted or is
// swamped (more active connections than its weight, while another has less than half of its own);
// then it is given the server that wlc names. A server over its upper threshold keeps what it has.
// For caches behind one firewall mark: each destination is in one cache.
#pragma once

#include "schedulers/locality.hpp"

namespace usher {

class LocalityLeastConnection final : public Locality {
  public:
    LocalityLeastConnection(Servers servers, const SchedulerOptions& options);
    Choice choose(const Arrival& arrival, Loads loads,
                  std::uint64_t cursor) const noexcept override;
};

}  // namespace usher
