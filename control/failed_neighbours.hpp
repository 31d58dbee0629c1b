// SPDX-License-Identifier: BSD-3-Clause
// Which neighbours do not answer. Linux is asked for a failed neighbour again and again, and has it
// as unknown or as asked for in between: here it stays failed until it has answered. Control
// thread.
//
//   usable -> failed -> resolving -> gone -> resolving -> failed   failed from the second on
//   ... -> usable                                                  answers again
#pragma once

#include <set>
#include <vector>

#include "control/kernel_network.hpp"

namespace usher {

class FailedNeighbours {
  public:
    struct Changes {
        std::vector<NeighbourKey> failed;
        std::vector<NeighbourKey> answering;
    };
    // What has changed since the last time. Those that are not watched any more are forgotten.
    Changes update(const KernelNetwork& kernel, const std::set<NeighbourKey>& watched);

    bool contains(const NeighbourKey& key) const { return failed_.contains(key); }

  private:
    std::set<NeighbourKey> failed_;
};

}  // namespace usher
