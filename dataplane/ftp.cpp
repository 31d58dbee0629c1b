// SPDX-License-Identifier: BSD-3-Clause
// The FTP helper in the packet path. A control connection's segments go through nat/ftp_control.hpp
// before anything else is done with them; what they announce is expected, and what is expected is
// let in though no service has its port.
//
// On 198.51.100.7:4001 > 203.0.113.10:21, which went to 10.0.0.100:21:
//
//   227 ... (10,0,0,100,157,13)    a connection in LISTEN, found by what comes from any port:
//                                  198.51.100.7:0 > 203.0.113.10:40205 goes to 10.0.0.100:40205.
//                                  The first SYN of it takes the place of the expectation.
//   PORT 198,51,100,7,200,1        a connection in LISTEN, whole: the server opens it, as
//                                  10.0.0.100:20 > 198.51.100.7:51201, which comes from
//                                  203.0.113.10:20
//
// The control connection stands as long as one of its data connections does (expire()).
#include <rte_mbuf.h>

#include "dataplane/thresholds.hpp"
#include "dataplane/worker.hpp"
#include "nat/fragment.hpp"
#include "nat/martian.hpp"
#include "nat/tcp_text.hpp"

namespace usher {

namespace {

constexpr auto kTcp = static_cast<std::uint8_t>(Protocol::tcp);
// The client port of an expectation of any. No packet matches it for its kTemplateProtocol; and
// templates, which have that too, have port 0.
constexpr Be16 kAnyClientPort = Be16::from_host(1);
constexpr int kTcpSequence = 4;
constexpr int kFtpEvictions = 4;  // for one first packet
// What another server announced to the same address has so long to be opened.
constexpr std::int32_t kOthersTurn = seconds(5);

constexpr Be16 one_below(Be16 port) {
    return Be16::from_host(static_cast<std::uint16_t>(port.host() - 1));
}

bool opens(const Headers& headers) {
    return (headers.tcp_flags & (kSyn | kRst | kAck)) == kSyn;
}

}  // namespace

// What a datagram to `towards` may have; 0: there is no way.
template <Family F>
std::uint16_t Worker::mtu_towards(const AddressOf<F>& towards) const {
    const Network& network = *snapshot_->network;
    const Way<F> way = network.way_to<F>(towards);
    if (way.kind == WayKind::none) return 0;
    return way.kind == WayKind::hop ? network.hop(way.hop).mtu : network.port_mtu(way.port);
}

// As far as a packet may grow where datagrams may have `mtu` bytes.
template <Family F>
std::span<std::uint8_t> Worker::room_of(const Burst<F>& burst, unsigned i,
                                        std::uint16_t mtu) const {
    const std::size_t now = kEthernetHeader + std::size_t{burst.headers[i].ip_length};
    const std::size_t most = kEthernetHeader + std::size_t{mtu};
    rte_mbuf* packet = burst.packets[i];
    const std::size_t buffer = packet->data_len + std::size_t{rte_pktmbuf_tailroom(packet)};
    return {burst.frame(i), std::max(now, std::min(most, buffer))};
}

// The text and the numbers of a control connection's segment, before anything else is done with it.
template <Family F>
Worker::Track Worker::translate_ftp(Burst<F>& burst, unsigned i, Entry entry,
                                    std::uint32_t status) {
    // It gets no further, and our error is to quote what its sender knows.
    const Flow<F>& answer = plane_.table.flow<F>(entry.index(), opposite(entry.direction()));
    const std::uint16_t mtu = mtu_towards<F>(answer.source);
    const bool too_big = burst.headers[i].ip_length > mtu && must_not_fragment<F>(burst.frame(i));
    if (mtu == 0 || too_big || is_at_last_hop<F>(burst.frame(i))) return Track::pass;
    const bool fragment = is_fragment<F>(datagram_of<F>(burst.packets[i]));
    // What is damaged is not to be believed, least of all for good: its repetition has other text.
    if (!fragment && !is_tcp_sound<F>(burst.frame(i), burst.headers[i])) return Track::damaged;
    const FtpIndex ftp = plane_.table[entry.index()].timeout_class;
    if (!plane_.ftp.hold(ftp, entry.index())) return Track::gone;
    const Track track = fragment ? pass_ftp_fragment(ftp, entry.direction(), burst.headers[i])
                                 : translate_held_ftp(burst, i, entry, ftp, mtu, state_of(status));
    plane_.ftp.release(ftp);
    return track;
}

// A first fragment. Text that changes its length would no longer fit between those that follow;
// where nothing changes (TLS), they pass.
Worker::Track Worker::pass_ftp_fragment(FtpIndex ftp, Direction direction, const Headers& headers) {
    if (headers.tcp_flags & kSyn) return Track::wait;  // it may begin anew
    const FtpTurn turn(plane_.ftp[ftp].control, direction);
    return turn.changes_nothing() ? Track::pass : Track::wait;
}

template <Family F>
Worker::Track Worker::translate_held_ftp(Burst<F>& burst, unsigned i, Entry entry, FtpIndex ftp,
                                         std::uint16_t mtu, State state) {
    FtpRecord& record = plane_.ftp[ftp];
    Headers& headers = burst.headers[i];
    const Flow<F>& original = plane_.table.flow<F>(entry.index(), Direction::original);
    // A closed one is opened anew, with numbers of its own.
    const bool anew = entry.direction() == Direction::original && opens(headers) &&
                      next_state(*snapshot_->tcp, state, Direction::original, headers.tcp_flags) ==
                          State::syn_recv;
    if (anew && !record.control.restart()) return Track::wait;
    const FtpParties parties{IpAddress(original.source), IpAddress(original.destination),
                             record.third_party};
    FtpFindings findings;
    const std::span<std::uint8_t> room = room_of(burst, i, mtu);
    FtpTurn turn(record.control, entry.direction());
    if (turn.pass<F>(room, headers, parties, findings) == FtpVerdict::wait) return Track::wait;
    // Before the segment leaves, so that what it announces finds its place.
    Track track = Track::pass;
    for (const FtpEndpoint& found : findings.all()) {
        const Expected place = expect_data<F>(entry.index(), ftp, found);
        if (place == Expected::yes) continue;
        track = Track::no_room;
        // A client that opens none of what it announces is not kept waiting: what is too much for
        // it goes on when it comes again, and is not expected; but what else the segment announces
        // is.
        if (place == Expected::no_room && plane_.ftp.expects_most(ftp)) continue;
        // The table may have room by then, or the place be free.
        turn.take_back();
        break;
    }
    return track;
}

// When none is free, the oldest half-open control connections give way. Each gives its record back
// at once, unless a worker has a segment of it in hand.
FtpIndex Worker::take_ftp_record(std::uint16_t timeout_class, bool third_party) {
    FtpIndex ftp = plane_.ftp.take(timeout_class, third_party);
    for (int tries = 0; ftp == kNoFtp && tries < kFtpEvictions; ++tries) {
        const ConnectionIndex oldest = half_open_ftp_.pop();
        if (oldest == kNoConnection) break;
        evict(oldest);
        ftp = plane_.ftp.take(timeout_class, third_party);
    }
    return ftp;
}

// For a SYN (or whatever opens): a record for the connection to be. Otherwise why not.
template <Family F>
Drop Worker::open_ftp(Burst<F>& burst, unsigned i, const Service<F>& service, Terms& terms) {
    if (is_fragment<F>(datagram_of<F>(burst.packets[i]))) return Drop::ftp_wait;
    if (!is_tcp_sound<F>(burst.frame(i), burst.headers[i])) return Drop::bad_tcp_header;
    const FtpIndex ftp = take_ftp_record(service.timeout_class, service.ftp_third_party);
    if (ftp == kNoFtp) return Drop::ftp_full;
    const Flow<F>& flow = burst.flows[i];
    const FtpParties parties{IpAddress(flow.source), IpAddress(flow.destination),
                             service.ftp_third_party};
    // What a SYN announces, should it bring text, is not expected: it has no connection yet.
    FtpFindings findings;
    Headers& headers = burst.headers[i];
    const std::span<std::uint8_t> frame{burst.frame(i),
                                        kEthernetHeader + std::size_t{headers.ip_length}};
    if (usher::pass_ftp<F>(plane_.ftp[ftp].control, Direction::original, frame, headers, parties,
                           findings) == FtpVerdict::wait) {
        plane_.ftp.release(ftp);
        return Drop::ftp_wait;
    }
    terms.ftp_part = kFtp;
    terms.ftp = ftp;
    return Drop::none;
}

template <Family F>
Worker::Expected Worker::expect_data(ConnectionIndex control, FtpIndex ftp,
                                     const FtpEndpoint& found) {
    const Flow<F>& original = plane_.table.flow<F>(control, Direction::original);
    const Flow<F>& reply = plane_.table.flow<F>(control, Direction::reply);
    const Be16 port = Be16::from_host(found.port);
    std::uint8_t filed = filed_under<F>(kTcp);
    Flow<F> from;
    Flow<F> answers;
    if (is_active(found.kind)) {
        if (found.address.family() != F) return Expected::yes;
        const AddressOf<F> peer = wire_address<F>(found.address);
        if (is_martian(peer)) return Expected::yes;
        from = {peer, original.destination, port, one_below(original.destination_port)};
        answers = {reply.source, peer, one_below(reply.source_port), port};
    } else {
        filed |= kTemplateProtocol;
        from = {original.source, original.destination, kAnyClientPort, port};
        answers = {reply.source, original.source, port, Be16()};
    }
    const Expected there = is_expected_already(from, filed, answers);
    if (there != Expected::no) return there;
    return make_expectation(control, ftp, filed, from, answers) != kNoConnection
               ? Expected::yes
               : Expected::no_room;
}

// A connection that is there already: expected, or open. One that is over, or leads to another
// server, makes room; not at once, where another user of the client's address (behind a NAT) was
// told that port by another server: his next connection is the first one's, and the second reply
// waits until that has come.
template <Family F>
Worker::Expected Worker::is_expected_already(const Flow<F>& from, std::uint8_t filed,
                                             const Flow<F>& answers) {
    const Entry entry = plane_.table.find(plane_.table.hash(from, filed), from, filed);
    if (!entry) return Expected::no;
    Connection& there = plane_.table[entry.index()];
    const std::uint32_t status = there.status.load(std::memory_order_acquire);
    if (!(status & kLive)) return Expected::no;
    const State state = state_of(status);
    const bool over = there.is_expired(now_) || state == State::time_wait ||
                      state == State::close || state == State::last_ack;
    if (!over && plane_.table.flow<F>(entry.index(), Direction::reply).source == answers.source) {
        if (status & kExpected) there.last_seen.store(now_, std::memory_order_relaxed);
        return Expected::yes;
    }
    const auto age =
        static_cast<std::int32_t>(now_ - there.last_seen.load(std::memory_order_relaxed));
    if (!over && (status & kExpected) && age < kOthersTurn) return Expected::others;
    kill(entry.index(), TraceEvent::Kind::replaced);
    return Expected::no;
}

// In LISTEN, counted as IPVS does, and in the table.
template <Family F>
ConnectionIndex Worker::make_expectation(ConnectionIndex control, FtpIndex ftp, std::uint8_t filed,
                                         const Flow<F>& from, const Flow<F>& answers) {
    if (!plane_.ftp.expect(ftp)) return kNoConnection;
    const ConnectionIndex index = allocate();
    if (index == kNoConnection) {
        plane_.ftp.no_longer_expected(ftp);
        plane_.ftp.release(ftp);
        return kNoConnection;
    }
    Connection& one = begin(index, from, answers, plane_.table[control].server_slot, filed);
    one.deltas = deltas_between(from, answers.reversed());
    one.next = ftp;
    one.timeout_class = plane_.ftp.timeout_class(ftp);
    ServerLoad& load = plane_.loads[one.server_slot];
    load.inactive.fetch_add(1, std::memory_order_seq_cst);
    look_after_bind(plane_.loads.data(), one.server_slot);
    const bool any_port = filed & kTemplateProtocol;
    const std::uint32_t status =
        kLive | kPending | kFtpData | kExpected | (any_port ? kAnyPort : 0) |
        (one.timeout_class != 0 ? kOwnTimeouts : 0) | static_cast<std::uint32_t>(State::listen);
    set_timeout(index, timeout_of(one, status));
    one.status.store(status, std::memory_order_release);

    const LinkResult result =
        any_port ? plane_.table.link_original(index) : plane_.table.link(index);
    if (result == LinkResult::linked) {
        one.status.fetch_and(~kPending, std::memory_order_release);
        if (traces(kTraceSchedule)) note(TraceEvent::Kind::scheduled, index, one.server_slot);
        return index;
    }
    bury(index, one.status.fetch_and(~kLive, std::memory_order_acq_rel));
    return kNoConnection;
}

// The expectation that a first packet answers, or kNoConnection.
template <Family F>
ConnectionIndex Worker::expected_data(const Burst<F>& burst, unsigned i) const {
    if (!opens(burst.headers[i])) return kNoConnection;
    const Flow<F>& flow = burst.flows[i];
    const Flow<F> key{flow.source, flow.destination, kAnyClientPort, flow.destination_port};
    const auto filed = static_cast<std::uint8_t>(filed_under<F>(kTcp) | kTemplateProtocol);
    const Entry entry = plane_.table.find(plane_.table.hash(key, filed), key, filed);
    if (!entry) return kNoConnection;
    const Connection& one = plane_.table[entry.index()];
    const std::uint32_t status = one.status.load(std::memory_order_acquire);
    const bool waits = (status & (kLive | kAnyPort)) == (kLive | kAnyPort);
    return waits && !one.is_expired(now_) ? entry.index() : kNoConnection;
}

// The data connection takes its expectation's place, and its hold on the control connection.
template <Family F>
Entry Worker::open_expected(Burst<F>& burst, unsigned i, ConnectionIndex expectation) {
    Connection& one = plane_.table[expectation];
    const Flow<F>& answers = plane_.table.flow<F>(expectation, Direction::reply);
    const Target<F> target{answers.source, answers.source_port, one.server_slot,
                           answers.source_port, kNoConnection};
    // It gives up its place only to one that has memory for its own: the SYN comes again.
    const ConnectionIndex room = allocate();
    if (room == kNoConnection) {
        drop(burst, i, Drop::table_full);
        return Entry();
    }
    free_list_.give_back(room);  // connect() is the next to take one
    const auto ftp = static_cast<FtpIndex>(one.next);
    constexpr std::uint32_t kMine = kLive | kFtpData;
    if ((one.status.fetch_and(~kFtpData, std::memory_order_acq_rel) & kMine) != kMine) {
        drop(burst, i, Drop::flow_taken);  // another worker was first, with another SYN
        return Entry();
    }
    kill(expectation, TraceEvent::Kind::replaced);
    return connect(burst, i, {plane_.ftp.timeout_class(ftp), kFtpData, ftp}, target);
}

// Counted once, whoever sees it first: the packet that comes, or the end of the waiting.
void Worker::no_longer_expected(ConnectionIndex index) {
    Connection& connection = plane_.table[index];
    const auto ftp = static_cast<FtpIndex>(connection.next);  // good if the bit is still there
    if (connection.status.fetch_and(~kExpected, std::memory_order_acq_rel) & kExpected)
        plane_.ftp.no_longer_expected(ftp);
}

// The client's side knows the server's segments by other numbers than the server.
template <Family F>
void Worker::renumber_ftp_quote(Entry entry, std::span<std::uint8_t> datagram,
                                const IcmpQuote<F>& quote) {
    if (entry.direction() != Direction::original) return;
    const FtpIndex ftp = plane_.table[entry.index()].timeout_class;
    if (!plane_.ftp.hold(ftp, entry.index())) return;
    const auto shift = SequenceShift::from_bits(
        plane_.ftp[ftp].control.replies.shift.load(std::memory_order_relaxed));
    plane_.ftp.release(ftp);
    std::uint8_t* sequence = &datagram[std::size_t{quote.l4} + kTcpSequence];
    const auto before = load<Be32>(sequence);
    const Be32 after = Be32::from_host(shift.inward(before.host()));
    store(sequence, after);
    std::uint8_t* checksum = &datagram[quote.l4] + kTcpChecksum;
    if (quote.l4 + kTcpChecksum + 2 <= quote.end)
        store(checksum, delta_of(before, after).apply(load<std::uint16_t>(checksum)));
}

template Worker::Track Worker::translate_ftp(Burst<Family::ipv4>&, unsigned, Entry, std::uint32_t);
template Worker::Track Worker::translate_ftp(Burst<Family::ipv6>&, unsigned, Entry, std::uint32_t);
template Drop Worker::open_ftp(Burst<Family::ipv4>&, unsigned, const Service<Family::ipv4>&,
                               Terms&);
template Drop Worker::open_ftp(Burst<Family::ipv6>&, unsigned, const Service<Family::ipv6>&,
                               Terms&);
template ConnectionIndex Worker::expected_data(const Burst<Family::ipv4>&, unsigned) const;
template ConnectionIndex Worker::expected_data(const Burst<Family::ipv6>&, unsigned) const;
template Entry Worker::open_expected(Burst<Family::ipv4>&, unsigned, ConnectionIndex);
template Entry Worker::open_expected(Burst<Family::ipv6>&, unsigned, ConnectionIndex);
template void Worker::renumber_ftp_quote(Entry, std::span<std::uint8_t>,
                                         const IcmpQuote<Family::ipv4>&);
template void Worker::renumber_ftp_quote(Entry, std::span<std::uint8_t>,
                                         const IcmpQuote<Family::ipv6>&);

}  // namespace usher
