// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors about forwarded packets, from either side or any router between (RFC 5508 section 4):
// found by the packet that they quote, translated (nat/icmp_error.hpp), and handed to whom it
// concerns. So path MTU discovery works both ways, and traceroute. What is about no connection of
// ours goes nowhere. And pings of masqueraded hosts. ICMP for the box itself never comes here:
// steering leaves it to Linux, or divert.cpp does.
#include "nat/icmp.hpp"
#include "dataplane/worker.hpp"
#include "nat/icmp_error.hpp"
#include "nat/ipv6_chain.hpp"
#include "nat/martian.hpp"

namespace usher {

namespace {

// Where the ICMP message begins in a datagram whose network header is sound; 0: nowhere.
template <Family F>
std::size_t message_offset(std::span<const std::uint8_t> datagram) {
    constexpr auto kIcmp = static_cast<std::uint8_t>(kIcmpProtocol<F>);
    if constexpr (F == Family::ipv4) {
        return datagram[ipv4::kProtocol] == kIcmp ? (datagram[0] & 0x0fU) * std::size_t{4} : 0;
    } else {
        const Ipv6Chain chain = read_chain(datagram);
        return chain.complete && chain.protocol == kIcmp ? chain.end : 0;
    }
}

}  // namespace

// The network header was found sound; the protocol is ICMP's or IPv6 has extension headers.
template <Family F>
void Worker::pass_icmp(rte_mbuf* packet, PortIndex port) {
    const std::span<std::uint8_t> datagram = datagram_of<F>(packet);
    const std::size_t message = message_offset<F>(datagram);
    if (message == 0) return drop_or_leave<F>(packet, port, Drop::unknown_protocol);
    if (datagram.size() < message + kIcmpHeader) return drop(packet, Drop::bad_icmp);
    if (is_linuxs_icmp<F>(datagram, message, port)) return leave_to_linux(packet, port);
    switch (icmp_kind<F>(datagram[message])) {
        case IcmpKind::error:
            return pass_icmp_error<F>(packet, port, message);
        case IcmpKind::echo_request:
        case IcmpKind::echo_reply:
            return pass_echo<F>(packet, port, message);
        case IcmpKind::other:
            return drop(packet, Drop::unknown_protocol);
    }
}

// A ping from the inside, or its answer: its id stands for both ports (RFC 5508 section 3). It is
// decided about like any packet, as a burst of its own.
template <Family F>
void Worker::pass_echo(rte_mbuf* packet, PortIndex port, std::size_t message) {
    const std::span<std::uint8_t> datagram = datagram_of<F>(packet);
    if (kEthernetHeader + message > 0xff) return drop(packet, Drop::bad_ip_header);
    Burst<F> burst;
    burst.port = port;
    burst.count = 1;
    burst.packets[0] = packet;
    burst.headers[0] = {static_cast<std::uint8_t>(kIcmpProtocol<F>), 0,
                        static_cast<std::uint8_t>(kEthernetHeader + message),
                        static_cast<std::uint16_t>(datagram.size())};
    burst.flows[0] = read_echo<F>(datagram, message);
    burst.hashes[0] = plane_.table.hash(burst.flows[0], filed_under<F>(burst.headers[0].protocol));
    if (!may_pass<F>(icmp_kind<F>(datagram[message]), burst.flows[0]))
        return drop(burst, 0, Drop::no_service);
    look_up(burst);
    decide(burst);
    if (burst.count != 0) forward_alone(burst);
}

// A reply opens nothing. And a connection's requests go its way, its replies the other: one id is
// all that a request from outside needs to look like an answer.
template <Family F>
bool Worker::may_pass(IcmpKind echo, const Flow<F>& flow) const {
    const std::uint8_t filed = filed_under<F>(static_cast<std::uint8_t>(kIcmpProtocol<F>));
    const Entry entry = plane_.table.find(plane_.table.hash(flow, filed), flow, filed);
    if (!entry) return echo == IcmpKind::echo_request;
    return (echo == IcmpKind::echo_request) == (entry.direction() == Direction::original);
}

// With other = "kernel": an error about what Linux let in to an inside host. Only here it shows
// that it is about no connection of ours, so it goes on as by any router.
template <Family F>
bool Worker::pass_routed_error(rte_mbuf* packet, PortIndex port, const IcmpQuote<F>& quote) {
    const Flow<F>& about = quote.flow;
    if (!snapshot_->policy.others_to_linux || has_exception(port) ||
        snapshot_->masquerade->rule_for<F>(about.destination, about.source) ==
            MasqueradeRules::kNoRule)
        return false;
    const std::span<std::uint8_t> datagram = datagram_of<F>(packet);
    const AddressPair<F> its = addresses_of<F>(datagram.data());
    if (datagram[IpLayout<F>::kTtl] <= 1 || !is_on_side_of<F>(its.source, port)) return false;
    take_hop<F>(datagram.data());
    send_towards<F>(packet, static_cast<std::uint16_t>(datagram.size()), its.destination);
    return true;
}

template <Family F>
void Worker::pass_icmp_error(rte_mbuf* packet, PortIndex port, std::size_t message) {
    const std::span<std::uint8_t> datagram = datagram_of<F>(packet);
    if (is_martian_router(load<AddressOf<F>>(&datagram[IpLayout<F>::kSource])))
        return drop(packet, Drop::martian_source);
    IcmpQuote<F> quote;
    if (const Drop fault = read_icmp_error<F>(datagram, message, quote); fault != Drop::none)
        return drop(packet, fault);

    const Flow<F> answers = quote.flow.reversed();
    const std::uint8_t protocol = filed_under<F>(quote.protocol);
    const Entry entry = plane_.table.find(plane_.table.hash(answers, protocol), answers, protocol);
    if (!entry) {
        if (!pass_routed_error<F>(packet, port, quote)) drop(packet, Drop::no_service);
        return;
    }
    const Connection& connection = plane_.table[entry.index()];
    const std::uint32_t status = connection.status.load(std::memory_order_acquire);
    if (!(status & kLive) || connection.is_expired(now_)) return drop(packet, Drop::no_service);
    if (datagram[IpLayout<F>::kTtl] <= 1) return drop(packet, Drop::ttl_exceeded);

    const Flow<F>& becomes = plane_.table.flow<F>(entry.index(), opposite(entry.direction()));
    const AddressPair<F> outer = outer_addresses<F>(
        quote.flow, becomes, load<AddressOf<F>>(&datagram[IpLayout<F>::kSource]));
    if (status & kFtp) renumber_ftp_quote(entry, datagram, quote);
    translate_icmp_error<F>(datagram, message, quote, becomes, outer);
    const auto length = static_cast<std::uint16_t>(datagram.size());
    count(connection, entry.direction(), length);
    send_towards<F>(packet, length, outer.destination);
}

template bool Worker::may_pass(IcmpKind, const Flow<Family::ipv4>&) const;
template bool Worker::may_pass(IcmpKind, const Flow<Family::ipv6>&) const;
template void Worker::pass_icmp<Family::ipv4>(rte_mbuf*, PortIndex);
template void Worker::pass_icmp<Family::ipv6>(rte_mbuf*, PortIndex);

}  // namespace usher
