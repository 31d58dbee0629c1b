// SPDX-License-Identifier: BSD-3-Clause
// Packets that are ready to go but for the MAC address of their next hop. They wait here, and the
// control thread is asked to have Linux find the neighbour; when a new network is published they
// are tried again, and after kPatience they are dropped.
//
// Threads: the worker's, but for take_request (the control thread).
#pragma once

#include <rte_mbuf.h>
#include <rte_ring_elem.h>

#include <array>

#include "dataplane/clock.hpp"
#include "dataplane/network.hpp"

namespace usher {

struct NeighbourRequest {
    IpAddress address;
    std::uint32_t port;  // PortIndex
};

class NeighbourQueue {
  public:
    static constexpr unsigned kRoom = 256;             // packets of one worker
    static constexpr unsigned kRoomPerNeighbour = 32;  // one dead server does not take it all
    static constexpr Ticks kPatience = seconds(3);     // as long as Linux probes

    struct Waiting {
        rte_mbuf* packet;
        std::uint16_t ip_length;
        PortIndex port;
        IpAddress neighbour;
        Ticks since;
    };

    NeighbourQueue();
    ~NeighbourQueue();
    NeighbourQueue(const NeighbourQueue&) = delete;
    NeighbourQueue& operator=(const NeighbourQueue&) = delete;

    bool put(const Waiting& waiting);  // false: no room, the packet is still the caller's
    bool empty() const { return count_ == 0; }

    // Calls `keep` for each; those for which it returns false are gone from the queue.
    template <class Keep>
    void sift(Keep keep) {
        unsigned kept = 0;
        for (unsigned i = 0; i < count_; ++i)
            if (keep(waiting_[i])) waiting_[kept++] = waiting_[i];
        count_ = kept;
    }

    bool take_request(NeighbourRequest& request);

  private:
    std::array<Waiting, kRoom> waiting_;
    unsigned count_ = 0;
    rte_ring* requests_;
};

}  // namespace usher
