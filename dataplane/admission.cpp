// SPDX-License-Identifier: BSD-3-Clause
// A packet without a connection: is there a service for it, which real server gets it, and the
// entry that promises it. IPVS's scheduling gate: of TCP only a SYN without RST opens (any segment
// without RST with sloppy_tcp), of UDP any packet; source port 20 (FTP data) never does.
//
// What an admission touches lies in a dozen cold cache lines. So first packets are prepared
// together where they come together: what is known of their services is sent for before the first
// of them is looked at, and a new connection, complete and counted, waits for its bucket of the
// answers until the burst is through, or until a packet comes that may be its own.
#include <bit>

#include "dataplane/thresholds.hpp"
#include "dataplane/worker.hpp"
#include "nat/header_sum.hpp"
#include "nat/icmp.hpp"
#include "nat/martian.hpp"
#include "nat/sctp_state.hpp"

namespace usher {

namespace {

constexpr std::uint16_t kFtpDataPort = 20;
constexpr int kPortTries = 16;
constexpr auto kTcp = static_cast<std::uint8_t>(Protocol::tcp);
constexpr auto kUdp = static_cast<std::uint8_t>(Protocol::udp);
constexpr auto kSctpProtocol = static_cast<std::uint8_t>(Protocol::sctp);

std::atomic<std::int32_t>& count_for(ServerLoad& load, State state) {
    return is_active(state) ? load.active : load.inactive;
}

}  // namespace

template <Family F>
Entry Worker::admit(Burst<F>& burst, unsigned i) {
    if (!has_right_header_sum<F>(burst.frame(i))) {
        drop(burst, i, Drop::bad_ip_header);
        return Entry();
    }
    const Flow<F>& flow = burst.flows[i];
    const bool for_box = is_for_box(burst, i);
    if (!for_box && (is_martian(flow.source) || is_martian(flow.destination) ||
                     flow.source == flow.destination)) {
        drop(burst, i, Drop::martian_source);
        return Entry();
    }
    if (plane_.ftp.expects_any() && burst.headers[i].protocol == kTcp)
        if (const ConnectionIndex expectation = expected_data(burst, i);
            expectation != kNoConnection)
            return open_expected(burst, i, expectation);
    if (for_box) {
        leave_to_linux(burst.packets[i], burst.port);
        return Entry();
    }
    const Service<F>* service = service_for(burst, i);
    if (service == nullptr) return stray(burst, i);
    if (service->closed) {
        answer_as_closed(burst, i);
        return Entry();
    }
    if (!may_open(burst, i)) return Entry();
    if (is_shed()) {
        drop(burst, i, Drop::shed);
        return Entry();
    }
    const Target<F> target = service->persistence != 0 ? persistent_target(burst, i, *service)
                                                       : choose(burst, i, *service);
    if (target.server == kNobodysSlot) {
        count_drop(burst, i, Drop::no_server);
        if (service->is_beside(flow.destination_port))
            reset(burst, i);
        else
            refuse(burst, i, IcmpError::port_unreachable);
        return Entry();
    }
    if (service->one_packet && burst.headers[i].protocol == kUdp)
        return pass_once(burst, i, target);
    Terms terms{service->timeout_class};
    if (burst.headers[i].protocol == kTcp && service->has_ftp_helper(flow.destination_port))
        [[unlikely]] {
        if (const Drop reason = open_ftp(burst, i, *service, terms); reason != Drop::none) {
            if (target.control != kNoConnection) release_template(target.control);
            drop(burst, i, reason);
            return Entry();
        }
    }
    return connect(burst, i, terms, target);
}

// As the kernel of the box would: nobody listens there.
template <Family F>
void Worker::answer_as_closed(Burst<F>& burst, unsigned i) {
    count_drop(burst, i, Drop::no_service);
    if (burst.headers[i].protocol == kTcp)
        reset(burst, i);
    else
        refuse(burst, i, IcmpError::port_unreachable);
}

// Each loop sends for what the next one reads.
template <Family F>
void Worker::expect_first_packets(const Burst<F>& burst) {
    const ServiceTable<F>& services = snapshot_->services_of<F>();
    if (services.has_marks() || std::popcount(burst.unknown) < 2) return;
    const auto each = [&](auto&& look) {
        for (std::uint32_t left = burst.unknown; left != 0; left &= left - 1)
            look(static_cast<unsigned>(std::countr_zero(left)));
    };
    each([&](unsigned i) {
        services.prefetch(burst.headers[i].protocol, burst.flows[i].destination,
                          burst.flows[i].destination_port);
    });
    std::array<const Service<F>*, kMaxBurst> found;
    each([&](unsigned i) {
        found[i] = services.find(burst.headers[i].protocol, burst.flows[i].destination,
                                 burst.flows[i].destination_port);
        expected_[i] = found[i];
        if (found[i] != nullptr) found[i]->prefetch();
    });
    each([&](unsigned i) {
        if (found[i] != nullptr) __builtin_prefetch(found[i]->scheduler.get());
    });
    each([&](unsigned i) {
        if (found[i] != nullptr && found[i]->scheduler)
            __builtin_prefetch(found[i]->scheduler->servers().data());
    });
    expected_ones_ = burst.unknown;
}

// A firewall mark goes before an address.
template <Family F>
const Service<F>* Worker::service_for(const Burst<F>& burst, unsigned i) const {
    if (expected_ones_ >> i & 1) return static_cast<const Service<F>*>(expected_[i]);
    const Flow<F>& flow = burst.flows[i];
    const ServiceTable<F>& services = snapshot_->services_of<F>();
    // As in IPVS, a ping is nobody's first packet.
    const bool is_ping = burst.headers[i].protocol == static_cast<std::uint8_t>(kIcmpProtocol<F>);
    if (!is_ping && services.has_marks() && !snapshot_->marks->empty()) {
        const std::uint32_t mark = snapshot_->marks->mark_of(
            burst.port, static_cast<Protocol>(burst.headers[i].protocol), flow.source,
            flow.source_port, flow.destination, flow.destination_port);
        if (mark != 0)
            if (const Service<F>* marked = services.find_marked(mark)) return marked;
    }
    return services.find(burst.headers[i].protocol, flow.destination, flow.destination_port);
}

// May the packet open a connection to a service? If not, it is taken care of, as by the kernel of a
// box that knows TCP and UDP and has no such service.
template <Family F>
bool Worker::may_open(Burst<F>& burst, unsigned i) {
    const Flow<F>& flow = burst.flows[i];
    const Headers& headers = burst.headers[i];
    const bool ftp_data = flow.source_port.host() == kFtpDataPort;
    if (headers.protocol == kTcp) {
        const std::uint8_t opening = snapshot_->policy.sloppy_tcp ? 0 : kSyn;
        if (!ftp_data && (headers.tcp_flags & (opening | kRst)) == opening) return true;
        count_drop(burst, i, Drop::not_a_first_packet);
        reset(burst, i);
        return false;
    }
    if (!ftp_data && (headers.protocol != kSctpProtocol || opens_sctp(burst, i))) return true;
    if (headers.protocol == kSctpProtocol) {
        drop(burst, i, Drop::not_a_first_packet);
    } else {
        count_drop(burst, i, Drop::not_a_first_packet);
        refuse(burst, i, IcmpError::port_unreachable);
    }
    return false;
}

// As IPVS: an INIT; with sloppy_sctp whatever is no ABORT.
template <Family F>
bool Worker::opens_sctp(const Burst<F>& burst, unsigned i) const {
    const std::uint8_t chunk = sctp_chunk(burst.frame(i), burst.headers[i]);
    return chunk == kSctpInit || (snapshot_->policy.sloppy_sctp && chunk != kSctpAbort);
}

// drop_packet: the first packet that would open a connection is dropped, and from then on every how
// many-th. As IPVS's, the count goes on where it was when drop_packet is on again.
bool Worker::is_shed() {
    const std::uint32_t rate = snapshot_->policy.drop_rate;
    if (rate == 0) return false;
    if (until_shed_ > 1) {
        --until_shed_;
        return false;
    }
    until_shed_ = rate;
    return true;
}

template <Family F>
Worker::Target<F> Worker::choose(const Burst<F>& burst, unsigned i,
                                 const Service<F>& service) const {
    const Flow<F>& flow = burst.flows[i];
    const Arrival arrival{IpAddress(flow.source), flow.source_port.host(),
                          IpAddress(flow.destination), now_ / kTicksPerSecond};
    const int server = service.choose(arrival, Loads(plane_.loads.data()));
    if (server == kNoServer) return {};
    const typename Service<F>::Server& chosen = service.servers()[static_cast<std::size_t>(server)];
    const Be16 port = chosen.port == Be16() ? flow.destination_port : chosen.port;
    return {chosen.address, port, chosen.slot, chosen.port, kNoConnection};
}

template <Family F>
Entry Worker::connect(Burst<F>& burst, unsigned i, const Terms& terms, const Target<F>& target) {
    Guise<F> guise;
    const bool hidden = !snapshot_->masquerade->empty() && turns_back(burst.flows[i], target);
    if (hidden) [[unlikely]] {
        guise = guise_towards(burst, i, target);
        if (guise.refusal != Drop::none) {
            give_up(target, terms);
            turn_away(burst, i, guise.refusal);
            return Entry();
        }
    }
    const ConnectionIndex index = allocate();
    if (index == kNoConnection) {
        give_up(target, terms);
        drop(burst, i, Drop::table_full);
        return Entry();
    }
    Connection& connection = plane_.table[index];
    const State state = first_state(burst.frame(i), burst.headers[i]);
    // Counted before it can be found, and so before anybody can end it.
    ServerLoad& load = plane_.loads[target.server];
    count_for(load, state).fetch_add(1, std::memory_order_seq_cst);
    look_after_bind(plane_.loads.data(), target.server);
    fill(index, burst, i, target);
    std::uint32_t status = kLive | kPending | static_cast<std::uint32_t>(state);
    if (hidden) hide_client(index, guise);
    if (target.control != kNoConnection) {
        connection.next = target.control;
        status |= kControlled;
    }
    if (burst.headers[i].protocol == kSctpProtocol) status |= kSctp;
    set_terms(index, terms, status);
    set_timeout(index, timeout_of(connection, status));
    // Release: the control thread's walk reads the rest when it sees kLive.
    connection.status.store(status, std::memory_order_release);

    put_off(burst, i, index);
    return Entry(0, index, Direction::original).commit();
}

inline void Worker::set_terms(ConnectionIndex index, const Terms& terms, std::uint32_t& status) {
    Connection& connection = plane_.table[index];
    connection.timeout_class = terms.timeout_class;
    if (terms.timeout_class != 0) status |= kOwnTimeouts;
    if (terms.ftp == kNoFtp) [[likely]]
        return;
    if (terms.ftp_part == kFtp) {
        connection.timeout_class = terms.ftp;
        plane_.ftp.set_owner(terms.ftp, index);
    } else {
        connection.next = terms.ftp;  // nothing else controls it
    }
    status |= terms.ftp_part;
}

// The connection is complete but for its place in the table.
template <Family F>
void Worker::put_off(const Burst<F>& burst, unsigned i, ConnectionIndex index) {
    const Connection& connection = plane_.table[index];
    const std::uint64_t answers =
        plane_.table.hash(plane_.table.flow<F>(index, Direction::reply), connection.protocol);
    plane_.table.prefetch(answers);
    __builtin_prefetch(&server_counters_[connection.server_slot], 1);
    pending_[pending_count_++] = {index, i, answers};
    for (const std::uint64_t hash : {burst.hashes[i], answers})
        pending_filter_[hash / 64 % pending_filter_.size()] |= std::uint64_t{1} << (hash % 64);
}

bool Worker::may_be_pending(std::uint64_t hash) const {
    return pending_filter_[hash / 64 % pending_filter_.size()] >> (hash % 64) & 1;
}

template <Family F>
void Worker::link_pending(Burst<F>& burst) {
    for (unsigned n = 0; n < pending_count_; ++n)
        plane_.table.prefetch_elsewhere(pending_[n].answers);
    for (unsigned n = 0; n < pending_count_; ++n) {
        const auto [index, i, answers] = pending_[n];
        burst.entries[i] = link(burst, i, index, answers);
        if (!burst.entries[i]) burst.gone |= 1U << i;
    }
    pending_count_ = 0;
    pending_filter_.fill(0);
}

template <Family F>
Entry Worker::link(Burst<F>& burst, unsigned i, ConnectionIndex index, std::uint64_t answers) {
    Connection& connection = plane_.table[index];
    LinkResult result = plane_.table.link<F>(index, burst.hashes[i], answers);
    for (int tries = 0; result == LinkResult::reply_taken && tries < kPortTries; ++tries) {
        if (!give_other_port<F>(index)) break;
        result = plane_.table.link(index);
    }
    if (result == LinkResult::linked) {
        const std::uint32_t status =
            connection.status.fetch_and(~kPending, std::memory_order_release);
        half_open_.push(index);
        if (status & kFtp) [[unlikely]]
            half_open_ftp_.push(index);
        server_counters_[connection.server_slot].connections.add(1);
        note_scheduled(index, first_state(burst.frame(i), burst.headers[i]));
        return Entry(0, index, Direction::original).commit();
    }

    const bool without_port = result == LinkResult::reply_taken && is_hidden<F>(index);
    if (without_port) count_without_port<F>(index);
    bury(index, connection.status.fetch_and(~kLive, std::memory_order_acq_rel));
    // Another worker has just admitted the same flow: its connection is the one.
    if (result == LinkResult::original_taken)
        if (const Entry other = join(burst, i)) return other;
    turn_away(burst, i,
              without_port                 ? Drop::no_outside_port
              : result == LinkResult::full ? Drop::table_full
                                           : Drop::flow_taken);
    return Entry();
}

State Worker::first_state(const std::uint8_t* frame, const Headers& headers) const {
    if (headers.protocol == kSctpProtocol)
        return next_sctp_state(State::none, Direction::original, sctp_chunk(frame, headers));
    if (headers.protocol != kTcp) return State::udp;
    return next_state(*snapshot_->tcp, State::none, Direction::original, headers.tcp_flags);
}

// What every new entry begins with; the rest, its status last, is its maker's.
template <Family F>
Connection& Worker::begin(ConnectionIndex index, const Flow<F>& original, const Flow<F>& reply,
                          std::uint32_t server_slot, std::uint8_t filed) {
    plane_.table.set_flow<F>(index, Direction::original, original);
    plane_.table.set_flow<F>(index, Direction::reply, reply);
    Connection& connection = plane_.table[index];
    connection.server_slot = server_slot;
    connection.deltas = {};
    connection.protocol = filed;
    connection.worker = static_cast<std::uint8_t>(id_);
    connection.timeout_class = 0;
    connection.born = now_;
    connection.last_seen.store(now_, std::memory_order_relaxed);
    connection.hop[0].store(0, std::memory_order_relaxed);
    connection.hop[1].store(0, std::memory_order_relaxed);
    return connection;
}

// All but the status, and what depends on it.
template <Family F>
void Worker::fill(ConnectionIndex index, const Burst<F>& burst, unsigned i,
                  const Target<F>& target) {
    const Flow<F>& flow = burst.flows[i];
    const Flow<F> reply{target.address, flow.source, target.port, flow.source_port};
    const std::uint8_t filed = filed_under<F>(burst.headers[i].protocol);
    begin(index, flow, reply, target.server, filed).deltas = deltas_between(flow, reply.reversed());
}

void Worker::note_scheduled(ConnectionIndex index, State state) {
    if (traces(kTraceSchedule))
        note(TraceEvent::Kind::scheduled, index, plane_.table[index].server_slot);
    if (traces(kTraceState) && state != State::udp)
        note(TraceEvent::Kind::transition, index,
             static_cast<std::uint32_t>(State::none) << 8 | static_cast<std::uint32_t>(state));
}

// The client uses one port of its own for two services that share a real server: the server would
// not tell the two apart. The later one is given another port towards the server. Not when it goes
// out from a leased one, which is the same for all destinations: false.
template <Family F>
bool Worker::give_other_port(ConnectionIndex index) {
    if (has_leased_port(plane_.table[index])) return false;
    const auto port = is_hidden<F>(index)
                          ? other_own_port<F>(index)
                          : static_cast<std::uint16_t>(1024 + random() % (65536 - 1024));
    if (port == 0) return false;
    Flow<F> reply = plane_.table.flow<F>(index, Direction::reply);
    reply.destination_port = Be16::from_host(port);
    plane_.table.set_flow<F>(index, Direction::reply, reply);
    plane_.table[index].deltas =
        deltas_between(plane_.table.flow<F>(index, Direction::original), reply.reversed());
    return true;
}

template Entry Worker::admit(Burst<Family::ipv4>&, unsigned);
template Entry Worker::admit(Burst<Family::ipv6>&, unsigned);
template void Worker::expect_first_packets(const Burst<Family::ipv4>&);
template void Worker::expect_first_packets(const Burst<Family::ipv6>&);
template void Worker::link_pending(Burst<Family::ipv4>&);
template void Worker::link_pending(Burst<Family::ipv6>&);
template Worker::Target<Family::ipv4> Worker::choose(const Burst<Family::ipv4>&, unsigned,
                                                     const Service<Family::ipv4>&) const;
template Worker::Target<Family::ipv6> Worker::choose(const Burst<Family::ipv6>&, unsigned,
                                                     const Service<Family::ipv6>&) const;
template Connection& Worker::begin(ConnectionIndex, const Flow<Family::ipv4>&,
                                   const Flow<Family::ipv4>&, std::uint32_t, std::uint8_t);
template Connection& Worker::begin(ConnectionIndex, const Flow<Family::ipv6>&,
                                   const Flow<Family::ipv6>&, std::uint32_t, std::uint8_t);
template void Worker::fill(ConnectionIndex, const Burst<Family::ipv4>&, unsigned,
                           const Target<Family::ipv4>&);
template void Worker::fill(ConnectionIndex, const Burst<Family::ipv6>&, unsigned,
                           const Target<Family::ipv6>&);

template void Worker::put_off(const Burst<Family::ipv4>&, unsigned, ConnectionIndex);
template void Worker::put_off(const Burst<Family::ipv6>&, unsigned, ConnectionIndex);

}  // namespace usher
