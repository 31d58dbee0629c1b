// SPDX-License-Identifier: BSD-3-Clause
// A worker's packets on their way out, gathered by port. A port whose transmit queue belongs to
// another worker is reached through a ring that its owner empties.
#pragma once

#include <rte_ethdev.h>
#include <rte_ring.h>

#include <array>
#include <vector>

#include "dataplane/counters.hpp"
#include "dataplane/exception_path.hpp"
#include "dataplane/network.hpp"
#include "dataplane/vlan.hpp"

namespace usher {

struct PortAccess {
    static constexpr int kNone = -1;
    std::uint16_t id = 0;  // DPDK's
    // Receive queues of this worker: the first, and each rx_stride-th after it, below rx_end.
    int rx_begin = 0, rx_end = 0, rx_stride = 1;
    bool spread = false;                 // what they give is shared out among the workers
    int tx_queue = kNone;                // of this worker; kNone: hand over
    rte_ring* handover = nullptr;        // to the worker with the queue; that worker empties it
    ExceptionPath* exception = nullptr;  // to Linux's interface for it, when it is all ours
    bool keeps_exception = false;        // this worker is the path's keeper
};

class Transmit {
  public:
    static constexpr unsigned kRoom = 64;

    // Behind the numbers of `ports` come those of `vlans`, which use their parents' queues.
    Transmit(std::vector<PortAccess> ports, std::vector<VlanPort> vlans, WorkerCounters& counters)
        : ports_(std::move(ports)),
          vlans_(std::move(vlans)),
          queues_(ports_.size() + vlans_.size()),
          counters_(counters) {}

    void add(PortIndex port, rte_mbuf* packet) {
        Queue& queue = queues_[port];
        queue.packets[queue.count++] = packet;
        if (queue.count == kRoom) flush(port);
    }
    void flush() {
        for (PortIndex port = 0; port < queues_.size(); ++port)
            if (queues_[port].count > 0) flush(port);
    }
    // What other workers, and Linux, have handed over for the queues that are ours; returns how
    // many.
    unsigned relay();
    bool nothing_handed_over() const;

    const std::vector<PortAccess>& ports() const { return ports_; }
    // Of a VLAN: its parent's.
    const PortAccess& queues_of(PortIndex port) const {
        return ports_[port < ports_.size() ? port : vlans_[port - ports_.size()].parent];
    }
    std::uint16_t vlan_id(PortIndex port) const {  // 0: not a VLAN
        return port < ports_.size() ? std::uint16_t{0} : vlans_[port - ports_.size()].id;
    }
    // While the worker is stopped: the port was opened again, or is gone.
    void set_port(PortIndex port, const PortAccess& access) { ports_[port] = access; }

  private:
    struct Queue {
        unsigned count = 0;
        std::array<rte_mbuf*, kRoom> packets;
    };
    void flush(PortIndex port);
    const PortAccess& prepare(PortIndex port, Queue& queue);
    unsigned relay_exception(PortIndex port);
    unsigned hand_on(const PortAccess& port, rte_mbuf** packets, unsigned count);

    std::vector<PortAccess> ports_;
    const std::vector<VlanPort> vlans_;
    std::vector<Queue> queues_;
    WorkerCounters& counters_;
};

}  // namespace usher
