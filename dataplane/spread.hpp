// SPDX-License-Identifier: BSD-3-Clause
// Shares out by flow what one worker receives: for interfaces with fewer receive queues than there
// are workers, when the operator asks for it ([workers] spread). Any worker can forward any packet;
// all that is kept is the order within a flow and direction, so those go to one worker.
//
// A worker has one ring in, which all others fill and it empties. Packets for a ring that is full
// are dropped and counted (worker-full): the others' packets must not wait for one that is slow.
//
// Fragments of a datagram must meet in one worker's fragment table, and all but the first have no
// ports: they go by their addresses, and so in order among themselves. So do other protocols than
// TCP, UDP and SCTP. What is not IP stays where it is.
//
// Threads: the worker's own.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/burst.hpp"
#include "dataplane/counters.hpp"

namespace usher {

// Which flow a frame belongs to, or none. Reads no byte beyond the frame; up to two VLAN tags.
std::optional<std::uint32_t> spread_hash(std::span<const std::uint8_t> frame);

class Spread {
  public:
    // `rings`: into each worker, by id; `own` is ours.
    Spread(std::vector<rte_ring*> rings, unsigned own, WorkerCounters& counters)
        : rings_(std::move(rings)), own_(own), counters_(counters), batches_(rings_.size()) {}

    // Of a burst that came in on `port`: puts what is ours first and returns how many that are;
    // the rest is with other workers, or dropped.
    unsigned keep_own(std::span<rte_mbuf*> packets, PortIndex port);

    // What others received for us, at most a burst, all from one port. `port` is set when there is
    // any.
    struct Taken {
        unsigned count = 0;
        PortIndex port = 0;
    };
    Taken take(std::array<rte_mbuf*, kMaxBurst>& packets);
    bool empty() const { return held_from_ == held_to_ && rte_ring_empty(rings_[own_]); }

  private:
    struct Batch {
        unsigned count = 0;
        std::array<rte_mbuf*, kMaxBurst> packets;
    };
    void hand_over(unsigned to);

    const std::vector<rte_ring*> rings_;
    const unsigned own_;
    WorkerCounters& counters_;
    std::vector<Batch> batches_;
    std::array<rte_mbuf*, kMaxBurst> held_;  // taken, and of another port than those before
    unsigned held_from_ = 0, held_to_ = 0;
};

}  // namespace usher
