// SPDX-License-Identifier: BSD-3-Clause
// Connections of one packet (one_packet.cpp) whose datagram came in fragments: kept when their
// burst is over, for the fragments that follow, as long as a datagram may take. There is room for
// some; beyond that the oldest goes. One worker's.
#pragma once

#include <vector>

#include "dataplane/connection.hpp"

namespace usher {

class KeptLoans {
  public:
    explicit KeptLoans(std::uint32_t room) : loans_(room) {}  // over 0

    // Returns which one gives way, or kNoConnection.
    ConnectionIndex keep(ConnectionIndex index, Ticks now) {
        const ConnectionIndex oldest = count_ == loans_.size() ? take() : kNoConnection;
        loans_[(first_ + count_++) % loans_.size()] = {index, now};
        return oldest;
    }

    // One that was kept for longer than `time`, or kNoConnection.
    ConnectionIndex take_old(Ticks now, Ticks time) {
        return count_ != 0 && now - loans_[first_].since > time ? take() : kNoConnection;
    }

  private:
    struct Loan {
        ConnectionIndex index;
        Ticks since;
    };
    ConnectionIndex take() {
        const ConnectionIndex index = loans_[first_].index;
        first_ = (first_ + 1) % loans_.size();
        --count_;
        return index;
    }

    std::vector<Loan> loans_;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
};

}  // namespace usher
