// SPDX-License-Identifier: BSD-3-Clause
// Datagrams in fragments. The first fragment has the ports, or a ping's id: it takes the way of any
// packet, and what was decided about it goes for the others, which get new addresses and nothing
// else: ids and boundaries stay as they are. SCTP's first fragment, if its ports change, waits for
// the last one. nat/fragment_table.hpp has the bookkeeping, and the limits; a datagram's fragments
// must reach one worker, which RSS sees to: it hashes fragments by their addresses alone.
#include "dataplane/worker.hpp"
#include "nat/fragment.hpp"
#include "nat/icmp.hpp"
#include "nat/readdress.hpp"
#include "nat/sctp.hpp"

namespace usher {

namespace {

// What the fragments of a datagram follow: its connection, and the life of its memory in which
// that was so.
constexpr std::uint64_t value_of(Entry entry, Ticks born) {
    return std::uint64_t{born} << 32 | std::uint64_t{entry.direction() == Direction::reply} << 28 |
           entry.index();
}
constexpr Entry entry_in(std::uint64_t value) {
    const bool reply = value >> 28 & 1;
    return Entry(0, static_cast<ConnectionIndex>(value & ((1U << 28) - 1)),
                 reply ? Direction::reply : Direction::original);
}
constexpr Ticks born_in(std::uint64_t value) {
    return static_cast<Ticks>(value >> 32);
}

// Or they are Linux's.
constexpr std::uint64_t kLinuxs = std::uint64_t{1} << 31;

Headers headers_of(std::span<const std::uint8_t> datagram, const Fragment& fragment) {
    constexpr int kTcpFlags = 13;
    Headers headers;
    headers.protocol = fragment.protocol;
    if (fragment.protocol == static_cast<std::uint8_t>(Protocol::tcp))
        headers.tcp_flags = datagram[fragment.l4 + std::size_t{kTcpFlags}];
    headers.l4 = static_cast<std::uint8_t>(kEthernetHeader + fragment.l4);
    headers.ip_length = static_cast<std::uint16_t>(datagram.size());
    return headers;
}

template <Family F>
bool is_icmp(const Fragment& fragment) {
    return fragment.protocol == static_cast<std::uint8_t>(kIcmpProtocol<F>);
}

// Of a first fragment: has it ports, or what stands for them? An ICMP error in fragments has not:
// its checksum, which covers all of it, must be right before it is believed.
template <Family F>
bool has_flow(std::span<const std::uint8_t> datagram, const Fragment& fragment) {
    if (is_icmp<F>(fragment)) {
        const IcmpKind kind = icmp_kind<F>(datagram[fragment.l4]);
        return kind == IcmpKind::echo_request || kind == IcmpKind::echo_reply;
    }
    const auto protocol = static_cast<Protocol>(fragment.protocol);
    return protocol == Protocol::tcp || protocol == Protocol::udp || protocol == Protocol::sctp;
}

// A beginning of SCTP. What new ports do to its checksum depends on the length of all of it, of
// which `total` is known: IPv6 may have headers that were cut with it.
template <Family F>
void change_sctp_ports(std::span<std::uint8_t> datagram, std::size_t total, const Flow<F>& answer) {
    const Fragment fragment = read_fragment<F>(datagram);
    const std::size_t headers = fragment.end - (datagram.size() - fragment.l4);
    rewrite_sctp(&datagram[fragment.l4], total - headers,
                 {answer.destination_port, answer.source_port});
}

}  // namespace

template <Family F>
void Worker::pass_fragment(rte_mbuf* packet, PortIndex port) {
    const Fragment fragment = read_fragment<F>(datagram_of<F>(packet));
    if (kEthernetHeader + fragment.l4 > 0xff) return drop(packet, Drop::bad_ip_header);
    const FragmentTable::Answer answer = fragments_.accept(fragment, packet, now_);
    switch (answer.verdict) {
        case FragmentTable::Verdict::decide:
            decide_about<F>(packet, port, fragment, answer);
            break;
        case FragmentTable::Verdict::follow:
            follow<F>(packet, answer.value);
            while (void* beginning = fragments_.next_released())
                follow<F>(static_cast<rte_mbuf*>(beginning), answer.value, answer.total);
            break;
        case FragmentTable::Verdict::drop:
            drop(packet, answer.reason);
            break;
        case FragmentTable::Verdict::hold:
            break;
    }
    discard_fragments();
}

// A first fragment is a burst of its own.
template <Family F>
void Worker::decide_about(rte_mbuf* packet, PortIndex port, const Fragment& fragment,
                          const FragmentTable::Answer& answer) {
    const FragmentTable::Handle handle = answer.handle;
    const std::span<std::uint8_t> datagram = datagram_of<F>(packet);
    const std::uint32_t left = left_to_linux_;
    if (!has_flow<F>(datagram, fragment)) {
        drop_or_leave<F>(packet, port, Drop::unknown_protocol);
        return reject_or_leave<F>(port, handle, left, Drop::unknown_protocol);
    }
    Burst<F> burst;
    burst.port = port;
    burst.count = 1;
    burst.packets[0] = packet;
    burst.headers[0] = headers_of(datagram, fragment);
    burst.flows[0] = is_icmp<F>(fragment) ? read_echo<F>(datagram, fragment.l4)
                                          : read_flow<F>(burst.frame(0), burst.headers[0]);
    burst.hashes[0] = plane_.table.hash(burst.flows[0], filed_under<F>(burst.headers[0].protocol));
    const bool fits =
        !is_icmp<F>(fragment) || may_pass<F>(icmp_kind<F>(datagram[fragment.l4]), burst.flows[0]);
    const bool known = fits && has_connection<F>(burst.flows[0], burst.headers[0].protocol);
    if (!known && is_for_box(burst, 0)) {
        leave_to_linux(packet, port);
        burst.count = 0;
    } else if (!fits) {
        drop_or_leave(burst, 0, Drop::no_service);
        burst.count = 0;
    } else {
        look_up(burst);
        decide(burst);
    }
    if (burst.count == 0) return reject_or_leave<F>(port, handle, left, Drop::fragment);

    const Entry entry = burst.entries[0];
    const Connection& connection = plane_.table[entry.index()];
    const std::uint64_t value = value_of(entry, connection.born);
    if (connection.status.load(std::memory_order_relaxed) & kOnePacket) keep_loan();
    const bool needs_end = changes_sctp_ports(burst) && !is_at_last_hop<F>(burst.frame(0));
    fragments_.resolve(handle, value);
    if (!needs_end)
        forward_alone(burst);
    else if (answer.total != 0)
        follow<F>(packet, value, answer.total);
    while (void* held = fragments_.next_released())
        follow<F>(static_cast<rte_mbuf*>(held), value);
    if (needs_end && answer.total == 0 && !fragments_.keep(handle, packet))
        drop(burst, 0, Drop::fragments_full);
}

// The first fragment goes no further. If that is since Linux has it, who had `left` packets before,
// it has them all.
template <Family F>
void Worker::reject_or_leave(PortIndex port, FragmentTable::Handle handle, std::uint32_t left,
                             Drop reason) {
    if (left_to_linux_ == left) return fragments_.reject(handle, reason);
    const std::uint64_t value = kLinuxs | port;
    fragments_.resolve(handle, value);
    while (void* held = fragments_.next_released())
        follow<F>(static_cast<rte_mbuf*>(held), value);
}

// The connection may have ended since, and its memory may be another's. `total`: it is a beginning
// that had to wait for it; else 0.
template <Family F>
void Worker::follow(rte_mbuf* packet, std::uint64_t value, std::uint16_t total) {
    if (value & kLinuxs) return leave_to_linux(packet, static_cast<PortIndex>(value));
    const Entry entry = entry_in(value);
    const Connection& connection = plane_.table[entry.index()];
    const std::uint32_t status = connection.status.load(std::memory_order_acquire);
    const bool same = (status & (kLive | kOnePacket)) && connection.born == born_in(value) &&
                      family_of(connection.protocol) == F;
    if (!same) return drop(packet, Drop::fragment);
    const std::span<std::uint8_t> datagram = datagram_of<F>(packet);
    // Ticks are coarse: its memory may have been another's within the one.
    const Flow<F>& flow = plane_.table.flow<F>(entry.index(), entry.direction());
    const AddressPair<F> its = addresses_of<F>(datagram.data());
    if (its.source != flow.source || its.destination != flow.destination)
        return drop(packet, Drop::fragment);
    if (datagram[IpLayout<F>::kTtl] <= 1) return drop(packet, Drop::ttl_exceeded);
    const Flow<F>& answer = plane_.table.flow<F>(entry.index(), opposite(entry.direction()));
    if (total != 0) change_sctp_ports(datagram, total, answer);
    readdress<F>(datagram.data(), {answer.destination, answer.source});
    take_hop<F>(datagram.data());
    const auto length = static_cast<std::uint16_t>(datagram.size());
    count(connection, entry.direction(), length);
    send_towards<F>(packet, length, answer.source);
}

// That of the packet in hand, the last one.
void Worker::keep_loan() {
    end_loan(kept_loans_.keep(lent_[--lent_count_], now_));
}

void Worker::end_old_loans() {
    for (;;) {
        const ConnectionIndex old = kept_loans_.take_old(now_, plane_.fragment_limits.timeout);
        if (old == kNoConnection) return;
        end_loan(old);
    }
}

void Worker::end_loan(ConnectionIndex index) {
    if (index == kNoConnection) return;
    plane_.table[index].status.store(0, std::memory_order_relaxed);
    free_list_.give_back(index);
}

void Worker::discard_fragments() {
    for (;;) {
        const FragmentTable::Discarded one = fragments_.next_discarded();
        if (one.packet == nullptr) return;
        drop(static_cast<rte_mbuf*>(one.packet), one.reason);
    }
}

template void Worker::pass_fragment<Family::ipv4>(rte_mbuf*, PortIndex);
template void Worker::pass_fragment<Family::ipv6>(rte_mbuf*, PortIndex);

}  // namespace usher
