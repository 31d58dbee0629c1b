// SPDX-License-Identifier: BSD-3-Clause
// A worker: one core that takes packets in bursts and sends them on. This is the packet path:
//
//   rx -> read_headers -> look_up -> decide -> forward -> tx
//         (parse, hash,   (first    (connection,  (next hop, rewrite,
//          prefetch)       guess)    admission,    Ethernet header)
//                                    TCP state)
//
// Each stage is a function with a loop over the burst, in a file of its own (stage_*.cpp).
// A worker makes no system call, takes no lock, allocates nothing, and waits for nobody.
//
// Threads: everything here belongs to the worker's thread, but for counters(), server_counters(),
// trace() and wanted_neighbours(), which the control thread reads.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/burst.hpp"
#include "dataplane/counters.hpp"
#include "dataplane/data_plane.hpp"
#include "dataplane/half_open.hpp"
#include "dataplane/neighbour_queue.hpp"
#include "dataplane/sweeper.hpp"
#include "dataplane/trace.hpp"
#include "dataplane/transmit.hpp"
#include "nat/refusal.hpp"

namespace usher {

class Worker {
  public:
    // `id` is below plane.workers(). `ports` by PortIndex: how this worker reaches each of them.
    Worker(DataPlane& plane, unsigned id, std::vector<PortAccess> ports);

    // One turn of the loop: receive from each port of ours, process, transmit, a little upkeep.
    // Returns the number of packets received.
    unsigned poll(Ticks now);

    // The path of a burst, of at most Burst::kMax packets that came in on `port`: every packet is
    // consumed. What is to be sent waits in transmit() for flush().
    void process(std::span<rte_mbuf* const> packets, PortIndex port, Ticks now);

    // Expired connections, freed memory, neighbours that have answered or never will.
    void upkeep(Ticks now);

    // All of this worker's share at once, for a clock that jumps (tests, replayed traces).
    void sweep_all(Ticks now);

    // Between two turns, when nothing of the plane is in hand.
    void quiescent() { plane_.grace.quiescent(id_); }
    void start() { plane_.grace.online(id_); }
    void stop() { plane_.grace.offline(id_); }

    Transmit& transmit() { return transmit_; }
    WorkerCounters& counters() { return counters_; }
    const WorkerCounters& counters() const { return counters_; }
    const ServerCounters& server_counters(ServerSlot slot) const { return server_counters_[slot]; }
    Trace& trace() { return trace_; }
    NeighbourQueue& neighbours() { return neighbours_; }
    unsigned id() const { return id_; }

  private:
    void read_headers(Burst& burst, std::span<rte_mbuf* const> packets);
    void look_up(Burst& burst);
    void decide(Burst& burst);
    void forward(Burst& burst);

    // decide
    enum class Track : std::uint8_t { pass, gone, drop };
    Track track(Connection& connection, ConnectionIndex index, Direction direction,
                const Headers& headers);
    void change_state(Connection& connection, std::uint32_t status, Direction direction,
                      std::uint8_t tcp_flags);
    Entry find(const Burst& burst, unsigned i) const;
    Entry decide_one(Burst& burst, unsigned i);

    // admission: the entry of a new connection, or none and the packet is taken care of
    Entry admit(Burst& burst, unsigned i);
    const Service* service_for(Burst& burst, unsigned i);
    Entry connect(Burst& burst, unsigned i, const Service& service, int server);
    ConnectionIndex allocate();
    void fill(Connection& connection, const Burst& burst, unsigned i,
              const Service::Server& server);
    void give_other_port(Connection& connection);

    // the end of a connection; false when another worker was first
    bool kill(ConnectionIndex index, TraceEvent::Kind why);

    // forward
    HopIndex next_hop(Connection& connection, Direction direction, const Network& network);
    void send(rte_mbuf* packet, std::uint16_t ip_length, const Hop& hop);
    void put_aside(rte_mbuf* packet, std::uint16_t ip_length, const Network::Way& way);
    void retry_neighbours();
    void count(const Connection& connection, Direction direction, std::uint16_t ip_length);

    // refusals
    void refuse(rte_mbuf* packet, const Headers& headers, IcmpError error, std::uint16_t mtu);
    void reset(rte_mbuf* packet, const Headers& headers);
    void answer(rte_mbuf* packet, std::size_t length);
    bool may_refuse();

    void drop(rte_mbuf* packet, Drop reason);
    void drop(const Burst& burst, unsigned i, Drop reason);
    void count_drop(const Burst& burst, unsigned i, Drop reason);  // the packet itself is refused
    bool traces(std::uint32_t area) const { return snapshot_->debug & area; }

    DataPlane& plane_;
    const unsigned id_;
    const Snapshot* snapshot_ = nullptr;  // of the burst in hand
    Ticks now_ = 0;
    FreeList free_list_;
    HalfOpen half_open_;
    Sweeper sweeper_;
    Transmit transmit_;
    NeighbourQueue neighbours_;
    std::uint64_t tried_network_ = 0;  // serial of the network that neighbours_ was tried with
    std::uint32_t refusals_left_;
    Ticks refilled_at_ = 0;  // when refusals_left_ last grew
    std::uint16_t ip_id_ = 0;
    std::uint32_t random_;
    Trace trace_;
    WorkerCounters counters_;
    MappedArray<ServerCounters> server_counters_;
};

}  // namespace usher
