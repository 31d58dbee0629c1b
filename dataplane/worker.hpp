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
    friend class StageProfile;  // tools/benchmark/stages.cpp

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
    Entry decide_at_length(Burst& burst, unsigned i);

    Track at_nodest(ConnectionIndex index);
    bool starts_anew(const Connection& connection, std::uint32_t status) const;
    void assure(const Connection& connection);
    Ticks timeout_of(const Connection& connection, std::uint32_t status) const {
        const StateTimeouts& timeouts = status & kOwnTimeouts
                                            ? snapshot_->own_timeouts[connection.timeout_class - 1U]
                                            : snapshot_->timeouts;
        return timeouts[static_cast<std::size_t>(state_of(status))];
    }

    // Where a new connection goes.
    struct Target {
        Be32 address;
        Be16 port;
        ServerSlot server = kNobodysSlot;         // then there is nobody
        Be16 configured_port;                     // 0: the one that the client asked for
        ConnectionIndex control = kNoConnection;  // its template, held
    };

    // admission: the entry of a new connection, or none and the packet is taken care of
    Entry admit(Burst& burst, unsigned i);
    void expect_first_packets(const Burst& burst);
    const Service* service_for(const Burst& burst, unsigned i) const;
    void answer_as_closed(Burst& burst, unsigned i);
    bool may_open(Burst& burst, unsigned i);
    bool is_shed();
    Target choose(const Burst& burst, unsigned i, const Service& service) const;
    Entry connect(Burst& burst, unsigned i, const Service& service, const Target& target);
    void put_off(const Burst& burst, unsigned i, ConnectionIndex index);
    bool may_be_pending(std::uint64_t hash) const;
    void link_pending(Burst& burst);
    Entry link(Burst& burst, unsigned i, ConnectionIndex index);
    Entry join(const Burst& burst, unsigned i);
    State first_state(const Headers& headers) const;
    void fill(Connection& connection, const Burst& burst, unsigned i, const Target& target);
    void note_scheduled(const Connection& connection, State state);
    void give_other_port(Connection& connection);
    ConnectionIndex allocate();

    // persistence
    Target persistent_target(const Burst& burst, unsigned i, const Service& service);
    Target controlled_by(ConnectionIndex index, const Service& service, const Flow4& flow) const;
    bool is_valid(ConnectionIndex index);
    ConnectionIndex make_template(const Service& service, const Flow4& flow, std::uint8_t protocol,
                                  const Target& target);
    void release_template(ConnectionIndex index);

    // packets without a connection
    Entry pass_once(Burst& burst, unsigned i, const Service& service, const Target& target);
    Entry stray(Burst& burst, unsigned i);
    Entry lend(Burst& burst, unsigned i, const Target& target);
    void take_back();

    // the end of a connection; false when another worker was first
    bool kill(ConnectionIndex index, TraceEvent::Kind why);
    void bury(ConnectionIndex index, std::uint32_t last_status);  // it is in the table no more
    bool expire(ConnectionIndex index);
    void look_over(ConnectionIndex index, std::uint32_t status, Ticks now);

    // forward
    HopIndex remembered_hop(const Connection& connection, Direction direction,
                            const Network& network) const;
    void forward_at_length(Burst& burst, unsigned i, Connection& connection, Direction direction);
    void send(rte_mbuf* packet, std::uint16_t ip_length, const Hop& hop);
    void put_aside(rte_mbuf* packet, std::uint16_t ip_length, const Network::Way& way);
    void retry_neighbours();
    void count(const Connection& connection, Direction direction, std::uint16_t ip_length);

    // refusals
    // `from` 0: the address that the packet was sent to.
    void refuse(rte_mbuf* packet, const Headers& headers, IcmpError error, std::uint16_t mtu,
                Be32 from = Be32());
    void reset(rte_mbuf* packet, const Headers& headers);
    void answer(rte_mbuf* packet, std::size_t length);
    bool may_refuse();

    void drop(rte_mbuf* packet, Drop reason);
    void drop(const Burst& burst, unsigned i, Drop reason);
    void count_drop(const Burst& burst, unsigned i, Drop reason);  // the packet itself is refused
    std::uint32_t random() {
        random_ = random_ * 1664525 + 1013904223;
        return random_ >> 8;  // the low bits are poor; the high ones do
    }
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
    std::uint32_t until_shed_ = 0;  // first packets, until drop_packet takes one
    // Of the burst in hand: the services of packets without a guess, and new connections that are
    // not in the table yet, with a filter of their flows' hashes.
    std::uint32_t expected_ones_ = 0;
    std::array<const Service*, Burst::kMax> expected_;
    struct Pending {
        ConnectionIndex index;
        unsigned packet;
    };
    std::array<Pending, Burst::kMax> pending_;
    unsigned pending_count_ = 0;
    std::array<std::uint64_t, 16> pending_filter_{};
    std::array<ConnectionIndex, Burst::kMax> lent_;
    unsigned lent_count_ = 0;
    Trace trace_;
    WorkerCounters counters_;
    MappedArray<ServerCounters> server_counters_;
};

}  // namespace usher
