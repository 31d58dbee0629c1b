// SPDX-License-Identifier: BSD-3-Clause
// dh: a table of 256 places, filled with the servers in turn from the head of the list, whatever
// their weights; a connection's place is the hash of its destination address. If the server there
// has weight 0 or is overloaded, the connection is refused. Remembers nothing: workers do not meet.
#pragma once

#include <array>

#include "schedulers/scheduler.hpp"

namespace usher {

class DestinationHash final : public Scheduler {
  public:
    explicit DestinationHash(Servers servers);
    Choice choose(const Arrival& arrival, Loads loads,
                  std::uint64_t cursor) const noexcept override;

  private:
    std::array<std::uint32_t, 256> table_{};  // indices
};

}  // namespace usher
