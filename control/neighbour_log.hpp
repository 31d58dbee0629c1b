// SPDX-License-Identifier: BSD-3-Clause
// Says in the log when a real server or a gateway does not answer ARP or neighbour discovery, and
// when it does again: once each, and a few lines a second at most, with a count of what was left
// out. Control thread.
#pragma once

#include <string>

#include "control/failed_neighbours.hpp"

namespace usher {

class NeighbourLog {
  public:
    void note(const KernelNetwork& kernel, const std::set<NeighbourKey>& in_use);
    void on_second();

  private:
    static constexpr unsigned kLinesASecond = 10;
    bool may_log();

    FailedNeighbours failed_;
    unsigned lines_left_ = kLinesASecond;
    unsigned left_out_ = 0;
};

}  // namespace usher
