// SPDX-License-Identifier: BSD-3-Clause
// A worker: one core that takes packets in bursts and sends them on. This is the packet path:
//
//   rx -> read_headers -> look_up -> decide -> forward -> tx
//         (parse, hash,   (first    (connection,  (next hop, rewrite,
//          prefetch)       guess)    admission,    Ethernet header)
//                                    TCP state)
//
// Each stage is a function with a loop over the burst, in a file of its own (stage_*.cpp). What
// knows of addresses is a template of their family; IPv6 packets of a burst go after the others.
// A worker makes no system call, takes no lock, allocates nothing, and waits for nobody.
//
// Threads: everything here belongs to the worker's thread, but for what the control thread reads:
// counters(), server_counters(), trace(), and the requests in neighbours().
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/burst.hpp"
#include "dataplane/counters.hpp"
#include "dataplane/data_plane.hpp"
#include "dataplane/half_open.hpp"
#include "dataplane/kept_loans.hpp"
#include "dataplane/neighbour_queue.hpp"
#include "dataplane/source_budget.hpp"
#include "dataplane/spread.hpp"
#include "dataplane/sweeper.hpp"
#include "dataplane/trace.hpp"
#include "dataplane/transmit.hpp"
#include "dataplane/vlan.hpp"
#include "nat/fragment_table.hpp"
#include "nat/icmp.hpp"
#include "nat/icmp_error.hpp"
#include "nat/refusal.hpp"

namespace usher {

// The IP datagram in a frame whose network header was found sound.
template <Family F>
std::span<std::uint8_t> datagram_of(rte_mbuf* packet) {
    std::uint8_t* ip = rte_pktmbuf_mtod(packet, std::uint8_t*) + kEthernetHeader;
    if constexpr (F == Family::ipv4) return {ip, load<Be16>(ip + ipv4::kTotalLength).host()};
    return {ip, load<Be16>(ip + ipv6::kPayloadLength).host() + std::size_t{ipv6::kHeader}};
}

// The type of the first chunk of an SCTP packet, of which so much is there (pass_sctp).
std::uint8_t sctp_chunk(const std::uint8_t* frame, const Headers& headers);

class Worker {
  public:
    // `id` is below plane.workers(). `ports` by PortIndex: how this worker reaches each of them;
    // the numbers behind them are those of `vlans`.
    Worker(DataPlane& plane, unsigned id, std::vector<PortAccess> ports,
           std::vector<VlanPort> vlans = {});

    // One turn of the loop: receive from each port of ours, process, transmit, a little upkeep.
    // Returns the number of packets that it had in hand: received, or taken over from others.
    unsigned poll(Ticks now);

    // Nothing to do until a packet comes or the clock ticks.
    bool is_at_rest() const;
    // Packets wait for a neighbour: they go when a new snapshot is there.
    bool waits_for_news() const { return !neighbours_.empty(); }

    // Before the first poll: share out what it receives on ports that say so.
    void set_spread(std::unique_ptr<Spread> spread) { spread_ = std::move(spread); }
    Spread* spread() { return spread_.get(); }

    // The path of a burst, of at most kMaxBurst packets that came in on `port`: every packet is
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
    const Transmit& transmit() const { return transmit_; }
    WorkerCounters& counters() { return counters_; }
    const WorkerCounters& counters() const { return counters_; }
    const ServerCounters& server_counters(ServerSlot slot) const { return server_counters_[slot]; }
    Trace& trace() { return trace_; }
    NeighbourQueue& neighbours() { return neighbours_; }
    unsigned id() const { return id_; }

  private:
    friend class StageProfile;  // tools/benchmark/stages.cpp

    unsigned receive(PortIndex port, std::uint16_t queue, Ticks now);
    unsigned take_over(Ticks now);
    void pass_burst(std::span<rte_mbuf* const> packets, PortIndex port);
    template <Family F>
    void pass(std::span<rte_mbuf* const> packets, PortIndex port);
    template <Family F>
    void read_headers(Burst<F>& burst, std::span<rte_mbuf* const> packets);
    template <Family F>
    void look_up(Burst<F>& burst);
    template <Family F>
    void decide(Burst<F>& burst);
    template <Family F>
    void forward(Burst<F>& burst);
    template <Family F>
    bool set_aside(rte_mbuf* packet, Drop fault);
    void pass_set_aside(PortIndex port);
    void pass_tagged(PortIndex parent);
    void pass_vlan(std::span<rte_mbuf*> packets, PortIndex port);

    // decide
    enum class Track : std::uint8_t { pass, gone, drop, aside, wait, no_room, damaged };
    Track track(Connection& connection, ConnectionIndex index, Direction direction,
                const Headers& headers);
    Track meet(Connection& connection, ConnectionIndex index, std::uint32_t status,
               Direction direction, const Headers& headers);
    void advance(Connection& connection, ConnectionIndex index, std::uint32_t status,
                 Direction direction, std::uint8_t tcp_flags);
    void refresh(Connection& connection, ConnectionIndex index, Ticks timeout);
    void renew_timeout(Connection& connection, ConnectionIndex index, Ticks timeout);
    template <class Next>
    void change_state(Connection& connection, ConnectionIndex index, std::uint32_t status,
                      Direction direction, Next next);
    template <class Next>
    void advance_by(Connection& connection, ConnectionIndex index, std::uint32_t status,
                    Direction direction, Next next);
    template <Family F>
    Track track_aside(Burst<F>& burst, unsigned i, Entry entry);
    template <Family F>
    void clamp(const Burst<F>& burst, unsigned i);
    template <Family F>
    Entry decide_at_length(Burst<F>& burst, unsigned i);

    Track at_nodest(ConnectionIndex index);
    bool starts_anew(const Connection& connection, std::uint32_t status) const;
    void assure(ConnectionIndex control);
    Ticks timeout_of(const Connection& connection, std::uint32_t status) const {
        return timeouts_for(connection, status)[static_cast<std::size_t>(state_of(status))];
    }
    const StateTimeouts& timeouts_for(const Connection& connection, std::uint32_t status) const {
        if (!(status & kOwnTimeouts)) [[likely]]
            return snapshot_->timeouts;
        if (connection.timeout_class >= kMasqueradedQueryTimeouts)
            return connection.timeout_class == kMasqueradeTimeouts
                       ? snapshot_->masquerade_timeouts
                       : snapshot_->masqueraded_query_timeouts;
        // Another worker may just have ended the connection, and its FTP record be another's.
        const std::size_t at = std::size_t{timeout_class_of(connection, status)} - 1;
        return at < snapshot_->own_timeouts.size() ? snapshot_->own_timeouts[at]
                                                   : snapshot_->timeouts;
    }

    std::uint16_t timeout_class_of(const Connection& connection, std::uint32_t status) const {
        return status & kFtp ? plane_.ftp.timeout_class(connection.timeout_class)
                             : connection.timeout_class;
    }

    // Where a new connection goes.
    template <Family F>
    struct Target {
        AddressOf<F> address;
        Be16 port;
        ServerSlot server = kNobodysSlot;         // then there is nobody
        Be16 configured_port;                     // 0: the one that the client asked for
        ConnectionIndex control = kNoConnection;  // its template, held
    };

    // What else a new connection is.
    struct Terms {
        std::uint16_t timeout_class = 0;  // Service's
        std::uint32_t ftp_part = 0;       // kFtp or kFtpData
        FtpIndex ftp = kNoFtp;            // then: its record, with a reference for it
    };

    // admission: the entry of a new connection, or none and the packet is taken care of
    template <Family F>
    Entry admit(Burst<F>& burst, unsigned i);
    template <Family F>
    void expect_first_packets(const Burst<F>& burst);
    template <Family F>
    const Service<F>* service_for(const Burst<F>& burst, unsigned i) const;
    template <Family F>
    void answer_as_closed(Burst<F>& burst, unsigned i);
    template <Family F>
    bool may_open(Burst<F>& burst, unsigned i);
    template <Family F>
    bool opens_sctp(const Burst<F>& burst, unsigned i) const;
    bool is_shed();
    template <Family F>
    Target<F> choose(const Burst<F>& burst, unsigned i, const Service<F>& service) const;
    template <Family F>
    Entry connect(Burst<F>& burst, unsigned i, const Terms& terms, const Target<F>& target);
    void set_terms(ConnectionIndex index, const Terms& terms, std::uint32_t& status);
    template <Family F>
    void give_up(const Target<F>& target, const Terms& terms) {
        if (target.control != kNoConnection) release_template(target.control);
        if (terms.ftp != kNoFtp) plane_.ftp.release(terms.ftp);
    }
    template <Family F>
    void put_off(const Burst<F>& burst, unsigned i, ConnectionIndex index);
    bool may_be_pending(std::uint64_t hash) const;
    template <Family F>
    void link_pending(Burst<F>& burst);
    template <Family F>
    Entry link(Burst<F>& burst, unsigned i, ConnectionIndex index, std::uint64_t answers);
    template <Family F>
    Entry join(const Burst<F>& burst, unsigned i);
    State first_state(const std::uint8_t* frame, const Headers& headers) const;
    template <Family F>
    void fill(ConnectionIndex index, const Burst<F>& burst, unsigned i, const Target<F>& target);
    template <Family F>
    Connection& begin(ConnectionIndex index, const Flow<F>& original, const Flow<F>& reply,
                      std::uint32_t server_slot, std::uint8_t filed);
    // Of a new one. Later ones go by change_state().
    void set_timeout(ConnectionIndex index, Ticks timeout) {
        plane_.table[index].timeout.store(timeout, std::memory_order_relaxed);
        plane_.due.set(index, now_, timeout);
    }
    void note_scheduled(ConnectionIndex index, State state);
    template <Family F>
    bool give_other_port(ConnectionIndex index);
    ConnectionIndex allocate();
    void evict(ConnectionIndex index);
    void make_room_for_others();

    // persistence
    template <Family F>
    Target<F> persistent_target(const Burst<F>& burst, unsigned i, const Service<F>& service);
    template <Family F>
    Target<F> controlled_by(ConnectionIndex index, const Service<F>& service,
                            const Flow<F>& flow) const;
    bool is_valid(ConnectionIndex index);
    template <Family F>
    ConnectionIndex make_template(const Service<F>& service, const Flow<F>& flow,
                                  std::uint8_t protocol, const Target<F>& target);
    bool hold_template(ConnectionIndex index);  // false: it is being released
    void release_template(ConnectionIndex index);

    // masquerading
    struct Mapping {  // held for a connection to be; or why there is none
        ConnectionIndex index = kNoConnection;
        Drop refusal = Drop::none;
        explicit operator bool() const { return index != kNoConnection; }
    };
    template <Family F>
    Entry masquerade(Burst<F>& burst, unsigned i, MasqueradeRules::RuleIndex rule);
    template <Family F>
    void turn_away(const Burst<F>& burst, unsigned i, Drop reason);
    template <Family F>
    Mapping mapping_for(const Flow<F>& flow, std::uint8_t protocol, const Outside<F>& outside);
    template <Family F>
    Mapping make_mapping(const Flow<F>& key, std::uint8_t filed, const Outside<F>& outside);
    template <Family F>
    Entry open_masqueraded(Burst<F>& burst, unsigned i, ConnectionIndex mapping,
                           const Flow<F>& reply);
    bool has_leased_port(const Connection& connection) const;
    void return_port(ConnectionIndex mapping);

    // hairpin: clients that are hidden from a server beside them
    template <Family F>
    struct Guise {  // what the server sees; or why there is none
        AddressOf<F> address{};
        Be16 port;
        Drop refusal = Drop::none;
    };
    template <Family F>
    bool turns_back(const Flow<F>& flow, const Target<F>& target) const;
    template <Family F>
    Guise<F> guise_towards(const Burst<F>& burst, unsigned i, const Target<F>& target);
    template <Family F>
    void hide_client(ConnectionIndex index, const Guise<F>& guise);
    template <Family F>
    bool is_hidden(ConnectionIndex index) const;
    template <Family F>
    std::uint16_t other_own_port(ConnectionIndex index);
    template <Family F>
    void count_without_port(ConnectionIndex index);

    // the FTP helper
    template <Family F>
    Track translate_ftp(Burst<F>& burst, unsigned i, Entry entry, std::uint32_t status);
    template <Family F>
    Track translate_held_ftp(Burst<F>& burst, unsigned i, Entry entry, FtpIndex ftp,
                             std::uint16_t mtu, State state);
    Track pass_ftp_fragment(FtpIndex ftp, Direction direction, const Headers& headers);
    template <Family F>
    Drop open_ftp(Burst<F>& burst, unsigned i, const Service<F>& service, Terms& terms);
    FtpIndex take_ftp_record(std::uint16_t timeout_class, bool third_party);
    template <Family F>
    std::uint16_t mtu_towards(const AddressOf<F>& towards) const;
    template <Family F>
    std::span<std::uint8_t> room_of(const Burst<F>& burst, unsigned i, std::uint16_t mtu) const;
    // no_room: the table is full, or too many are. others: its place is another server's.
    enum class Expected : std::uint8_t { yes, no, no_room, others };
    template <Family F>
    Expected expect_data(ConnectionIndex control, FtpIndex ftp, const FtpEndpoint& found);
    template <Family F>
    Expected is_expected_already(const Flow<F>& from, std::uint8_t filed, const Flow<F>& answers);
    template <Family F>
    ConnectionIndex make_expectation(ConnectionIndex control, FtpIndex ftp, std::uint8_t filed,
                                     const Flow<F>& from, const Flow<F>& answers);
    template <Family F>
    ConnectionIndex expected_data(const Burst<F>& burst, unsigned i) const;
    template <Family F>
    Entry open_expected(Burst<F>& burst, unsigned i, ConnectionIndex expectation);
    void no_longer_expected(ConnectionIndex index);
    template <Family F>
    void renumber_ftp_quote(Entry entry, std::span<std::uint8_t> datagram,
                            const IcmpQuote<F>& quote);

    // packets without a connection
    template <Family F>
    Entry pass_once(Burst<F>& burst, unsigned i, const Target<F>& target);
    template <Family F>
    Entry stray(Burst<F>& burst, unsigned i);
    template <Family F>
    bool is_on_side_of(const AddressOf<F>& source, PortIndex port) const;
    template <Family F>
    bool comes_from_its_side(const Burst<F>& burst, unsigned i) const {
        return is_on_side_of<F>(burst.flows[i].source, burst.port);
    }
    template <Family F>
    Entry lend(Burst<F>& burst, unsigned i, const Target<F>& target);
    void take_back();

    // what goes the long way: ICMP, SCTP and fragments
    template <Family F>
    void pass_icmp(rte_mbuf* packet, PortIndex port);
    template <Family F>
    void pass_echo(rte_mbuf* packet, PortIndex port, std::size_t message);
    template <Family F>
    bool may_pass(IcmpKind echo, const Flow<F>& flow) const;
    template <Family F>
    void pass_icmp_error(rte_mbuf* packet, PortIndex port, std::size_t message);
    template <Family F>
    bool pass_routed_error(rte_mbuf* packet, PortIndex port, const IcmpQuote<F>& quote);
    template <Family F>
    bool pass_sctp(rte_mbuf* packet, PortIndex port);
    template <Family F>
    bool changes_sctp_ports(const Burst<F>& burst) const;
    template <Family F>
    void pass_fragment(rte_mbuf* packet, PortIndex port);
    template <Family F>
    void decide_about(rte_mbuf* packet, PortIndex port, const Fragment& fragment,
                      const FragmentTable::Answer& answer);
    template <Family F>
    void reject_or_leave(PortIndex port, FragmentTable::Handle handle, std::uint32_t left,
                         Drop reason);
    template <Family F>
    void follow(rte_mbuf* packet, std::uint64_t value, std::uint16_t total = 0);
    void discard_fragments();
    void keep_loan();
    void end_old_loans();
    void end_loan(ConnectionIndex index);

    // what is Linux's, on ports that are all ours (divert.cpp)
    bool has_exception(PortIndex port) const {
        return transmit_.queues_of(port).exception != nullptr;
    }
    std::span<rte_mbuf* const> keep_for_workers(std::span<rte_mbuf* const> packets, PortIndex port);
    bool may_be_for_workers(const rte_mbuf* packet, PortIndex port) const;
    void leave_to_linux(rte_mbuf* packet, PortIndex port);
    template <Family F>
    bool is_for_box(const Burst<F>& burst, unsigned i) const;
    template <Family F>
    bool is_leavable(std::span<const std::uint8_t> datagram, PortIndex port) const;
    template <Family F>
    bool is_linuxs_icmp(std::span<const std::uint8_t> datagram, std::size_t message,
                        PortIndex port) const;
    template <Family F>
    bool has_connection(const Flow<F>& flow, std::uint8_t protocol) const;
    template <Family F>
    void drop_or_leave(const Burst<F>& burst, unsigned i, Drop reason);
    template <Family F>
    void drop_or_leave(rte_mbuf* packet, PortIndex port, Drop reason);

    // the end of a connection; false when another worker was first
    bool kill(ConnectionIndex index, TraceEvent::Kind why);
    template <class May>
    bool kill_if(ConnectionIndex index, TraceEvent::Kind why, May may);
    void help_out(ConnectionIndex index);
    void replace(ConnectionIndex index, std::uint32_t status);
    void forget_replaced();
    void bury(ConnectionIndex index, std::uint32_t last_status);  // it is in the table no more
    bool expire(ConnectionIndex index);
    void look_over(ConnectionIndex index, std::uint32_t status, Ticks now);
    void end_at_nodest(ConnectionIndex index, std::uint32_t status);
    void end_idle_template(ConnectionIndex index, std::uint32_t keeping, TraceEvent::Kind why);

    // forward
    HopIndex remembered_hop(const Connection& connection, Direction direction,
                            const Network& network) const;
    template <Family F>
    void forward_alone(Burst<F>& burst);
    template <Family F>
    void forward_at_length(Burst<F>& burst, unsigned i, Connection& connection,
                           Direction direction);
    void send(rte_mbuf* packet, std::uint16_t ip_length, const Hop& hop);
    template <Family F>
    void send_towards(rte_mbuf* packet, std::uint16_t ip_length, const AddressOf<F>& destination);
    void send_in_pieces(rte_mbuf* packet, std::uint16_t ip_length, std::uint16_t mtu,
                        const Way<Family::ipv4>& way);
    template <Family F>
    void put_aside(rte_mbuf* packet, std::uint16_t ip_length, const Way<F>& way);
    void retry_neighbours();
    void count(const Connection& connection, Direction direction, std::uint16_t ip_length) {
        ServerCounters& counters = server_counters_[connection.server_slot];
        const bool in = direction == Direction::original;
        (in ? counters.in_packets : counters.out_packets).add(1);
        (in ? counters.in_bytes : counters.out_bytes).add(ip_length);
    }

    // refusals
    // From the address that the packet was sent to, or from the box's own on the way back, as IPVS.
    enum class From : std::uint8_t { destination, box };
    template <Family F>
    void refuse(const Burst<F>& burst, unsigned i, IcmpError error, std::uint16_t mtu = 0,
                From from = F == Family::ipv4 ? From::destination : From::box);
    template <Family F>
    void reset(const Burst<F>& burst, unsigned i);
    template <Family F>
    void answer(rte_mbuf* packet, std::size_t length);
    bool may_refuse(std::uint32_t& left);

    void drop(rte_mbuf* packet, Drop reason);
    template <Family F>
    void drop(const Burst<F>& burst, unsigned i, Drop reason);
    template <Family F>
    void count_drop(const Burst<F>& burst, unsigned i, Drop reason);  // the packet is refused
    template <Family F>
    void note(TraceEvent::Kind kind, std::uint8_t protocol, const Flow<F>& flow,
              std::uint32_t value);
    void note(TraceEvent::Kind kind, ConnectionIndex index, std::uint32_t value);
    std::uint32_t random() {
        random_ = random_ * 1664525 + 1013904223;
        return random_ >> 8;  // the low bits are poor; the high ones do
    }
    // For a port that is not to be guessed from others (RFC 6056): `hash` has a secret seed.
    std::uint64_t by_chance(std::uint64_t hash) {
        return hash ^ std::uint64_t{random()} << 40 ^ std::uint64_t{random()} << 20 ^ random();
    }
    bool traces(std::uint32_t area) const { return snapshot_->debug & area; }

    DataPlane& plane_;
    const unsigned id_;
    const Snapshot* snapshot_ = nullptr;  // of the burst in hand
    Ticks now_ = 0;
    FreeList free_list_;
    const std::uint32_t room_ahead_;  // connections that are to be free when the table is full
    HalfOpen half_open_;
    HalfOpen half_open_ftp_;  // of these, FTP's control connections
    Sweeper sweeper_;
    std::uint32_t nodest_flush_ = 0;  // the last for which a round was begun
    const VlanTable vlans_;
    Transmit transmit_;
    std::unique_ptr<Spread> spread_;  // none: each packet is forwarded where it was received
    NeighbourQueue neighbours_;
    std::uint64_t tried_network_ = 0;  // serial of the network that neighbours_ was tried with
    std::uint32_t refusals_left_;
    std::uint32_t too_bigs_left_;  // likewise, of fragmentation needed and packet too big alone
    SourceBudget too_bigs_each_;   // of these, each source's
    Ticks refilled_at_ = 0;        // when they last grew
    std::uint16_t ip_id_ = 0;
    std::uint32_t random_;
    // The server of a connection that a SYN takes the place of, while that is scheduled.
    std::atomic<std::int32_t>* replaced_count_ = nullptr;
    std::uint32_t replaced_slot_ = 0;
    std::uint32_t until_shed_ = 0;  // first packets, until drop_packet takes one; 0: the next
    // Of the burst in hand: those that go after the others.
    std::array<rte_mbuf*, kMaxBurst> ipv6_;
    unsigned ipv6_count_ = 0;
    std::array<rte_mbuf*, kMaxBurst> kept_;  // where Linux has taken some
    std::array<rte_mbuf*, kMaxBurst> set_aside_;
    unsigned set_aside_count_ = 0;
    std::array<rte_mbuf*, kMaxBurst> tagged_;
    unsigned tagged_count_ = 0;
    FragmentTable fragments_;
    std::uint32_t left_to_linux_ = 0;  // packets
    // Of the burst in hand: the services of packets without a guess, and new connections that are
    // not in the table yet, with a filter of their flows' hashes.
    std::uint32_t expected_ones_ = 0;
    std::array<const void*, kMaxBurst> expected_;  // Service<F>
    struct Pending {
        ConnectionIndex index;
        unsigned packet;
        std::uint64_t answers;  // the hash of their flow
    };
    std::array<Pending, kMaxBurst> pending_;
    unsigned pending_count_ = 0;
    std::array<std::uint64_t, 16> pending_filter_{};
    std::array<ConnectionIndex, kMaxBurst> lent_;
    unsigned lent_count_ = 0;
    KeptLoans kept_loans_;
    Trace trace_;
    WorkerCounters counters_;
    MappedArray<ServerCounters> server_counters_;
};

// Sequentially consistent, as is the look of a template's maker once it is linked: each changes one
// word before it looks at the other's, so one of the two takes the entry out of the table.
//
// `may` is asked of the very status that is taken away: another worker may have confirmed the
// connection since it was chosen to go.
template <class May>
bool Worker::kill_if(ConnectionIndex index, TraceEvent::Kind why, May may) {
    Connection& connection = plane_.table[index];
    std::uint32_t status = connection.status.load(std::memory_order_acquire);
    do {
        if ((status & (kLive | kPending)) != kLive || !may(status)) return false;
    } while (!connection.status.compare_exchange_weak(
        status, status & ~kLive, std::memory_order_seq_cst, std::memory_order_acquire));
    if (status & (kTemplate | kAnyPort))
        plane_.table.unlink_original(index);
    else
        plane_.table.unlink(index);
    bury(index, status);
    if (traces(kTraceTable)) note(why, index, static_cast<std::uint32_t>(state_of(status)));
    return true;
}

}  // namespace usher
