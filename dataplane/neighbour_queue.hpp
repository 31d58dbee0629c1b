// SPDX-License-Identifier: BSD-3-Clause
// Packets that are ready to go but for the MAC address of their next hop. They wait here, and the
// control thread is asked to have Linux find the neighbour; when a new network is published they
// are tried again, and after kPatience they are dropped.
//
// Anybody on a link can make us wait for neighbours that are not there. So a neighbour's packets
// wait in one of kRows rows, which one only the secret seed knows: in a full row the oldest packet
// gives way, and all other rows are untouched. And a neighbour is asked for whether or not its
// packet can wait, again every kAskAgain while packets for it come.
//
// Threads: the worker's, but for take_request (the control thread).
#pragma once

#include <rte_mbuf.h>
#include <rte_ring_elem.h>

#include <algorithm>
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
    static constexpr unsigned kRows = 32;
    static constexpr unsigned kRowRoom = 16;             // packets, of few neighbours
    static constexpr unsigned kRoom = kRows * kRowRoom;  // packets of one worker
    static constexpr Ticks kPatience = seconds(3);       // as long as Linux probes
    static constexpr Ticks kAskAgain = kTicksPerSecond;  // a request may be lost
    static constexpr unsigned kRequestRoom = 1024;       // not yet taken

    struct Waiting {
        rte_mbuf* packet;
        std::uint16_t ip_length;
        PortIndex port;
        IpAddress neighbour;
        Ticks since;
    };

    explicit NeighbourQueue(const HashSeed& seed);
    ~NeighbourQueue();
    NeighbourQueue(const NeighbourQueue&) = delete;
    NeighbourQueue& operator=(const NeighbourQueue&) = delete;

    // Keeps the packet until sift() lets it go. Returns the packet that gave way to it, the
    // caller's again; null: none.
    [[nodiscard]] rte_mbuf* put(const Waiting& waiting);
    bool empty() const { return count_ == 0; }

    // Calls `keep` for each; those for which it returns false are gone from the queue. Packets to
    // one neighbour come in their order.
    template <class Keep>
    void sift(Keep keep) {
        for (Row& row : rows_) {
            if (row.count == 0) continue;
            unsigned kept = 0;
            for (unsigned i = 0; i < row.count; ++i)
                if (keep(row.waiting[i]))
                    row.waiting[kept++] = row.waiting[i];
                else
                    forget(row, row.waiting[i]);
            count_ -= row.count - kept;
            row.count = kept;
        }
    }

    bool take_request(NeighbourRequest& request);

  private:
    // When a neighbour was asked for.
    struct Asked {
        IpAddress neighbour;
        PortIndex port = 0;
        bool used = false;
        Ticks when = 0;
    };
    struct Row {
        unsigned count = 0;
        unsigned next_asked = 0;
        std::array<Waiting, kRowRoom> waiting;  // oldest first
        std::array<Asked, kRowRoom> asked;
    };

    Row& row_of(const IpAddress& neighbour);
    void ask(Row& row, const Waiting& waiting);
    // Its time, or its neighbour, has come: the next packet for that asks at once.
    static void forget(Row& row, const Waiting& waiting) {
        for (Asked& one : row.asked)
            if (one.neighbour == waiting.neighbour && one.port == waiting.port) one.used = false;
    }

    const HashSeed seed_;
    std::array<Row, kRows> rows_;
    unsigned count_ = 0;
    rte_ring* requests_;
};

}  // namespace usher
