// SPDX-License-Identifier: BSD-3-Clause
// A worker's packets on their way out, gathered by port. A port whose transmit queue belongs to
// another worker is reached through a ring that its owner empties.
#pragma once

#include <rte_ethdev.h>
#include <rte_ring.h>

#include <array>
#include <vector>

#include "dataplane/counters.hpp"
#include "dataplane/network.hpp"

namespace usher {

struct PortAccess {
    static constexpr int kNone = -1;
    std::uint16_t id = 0;          // DPDK's
    int rx_queue = kNone;          // of this worker
    int tx_queue = kNone;          // of this worker; kNone: hand over
    rte_ring* handover = nullptr;  // to the worker with the queue; that worker empties it
};

class Transmit {
  public:
    static constexpr unsigned kRoom = 64;

    Transmit(std::vector<PortAccess> ports, WorkerCounters& counters)
        : ports_(std::move(ports)), queues_(ports_.size()), counters_(counters) {}

    void add(PortIndex port, rte_mbuf* packet) {
        Queue& queue = queues_[port];
        queue.packets[queue.count++] = packet;
        if (queue.count == kRoom) flush(port);
    }
    void flush() {
        for (PortIndex port = 0; port < queues_.size(); ++port)
            if (queues_[port].count > 0) flush(port);
    }
    // What other workers have handed over for the queues that are ours.
    void relay();

    const std::vector<PortAccess>& ports() const { return ports_; }

  private:
    struct Queue {
        unsigned count = 0;
        std::array<rte_mbuf*, kRoom> packets;
    };
    void flush(PortIndex port);
    unsigned hand_on(const PortAccess& port, rte_mbuf** packets, unsigned count);

    std::vector<PortAccess> ports_;
    std::vector<Queue> queues_;
    WorkerCounters& counters_;
};

}  // namespace usher
