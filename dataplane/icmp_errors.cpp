// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors about forwarded packets, from either side or any router between (RFC 5508 section 4):
// found by the packet that they quote, translated (nat/icmp_error.hpp), and handed to whom it
// concerns. So path MTU discovery works both ways, and traceroute. What is about no connection of
// ours goes nowhere. Other ICMP for the box itself never comes here: steering leaves it to Linux.
#include "dataplane/worker.hpp"
#include "nat/icmp.hpp"
#include "nat/icmp_error.hpp"
#include "nat/ipv6_chain.hpp"

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
void Worker::pass_icmp(rte_mbuf* packet) {
    const std::span<std::uint8_t> datagram = datagram_of<F>(packet);
    const std::size_t message = message_offset<F>(datagram);
    if (message == 0) return drop(packet, Drop::unknown_protocol);
    if (datagram.size() < message + kIcmpHeader) return drop(packet, Drop::bad_icmp);
    if (icmp_kind<F>(datagram[message]) != IcmpKind::error)
        return drop(packet, Drop::unknown_protocol);
    IcmpQuote<F> quote;
    if (const Drop fault = read_icmp_error<F>(datagram, message, quote); fault != Drop::none)
        return drop(packet, fault);

    const Flow<F> answers = quote.flow.reversed();
    const std::uint8_t protocol = filed_under<F>(quote.protocol);
    const Entry entry = plane_.table.find(plane_.table.hash(answers, protocol), answers, protocol);
    if (!entry) return drop(packet, Drop::no_service);
    const Connection& connection = plane_.table[entry.index()];
    const std::uint32_t status = connection.status.load(std::memory_order_acquire);
    if (!(status & kLive) || connection.is_expired(now_)) return drop(packet, Drop::no_service);
    if (datagram[IpLayout<F>::kTtl] <= 1) return drop(packet, Drop::ttl_exceeded);

    const Flow<F>& becomes = plane_.table.flow<F>(entry.index(), opposite(entry.direction()));
    const AddressPair<F> outer = outer_addresses<F>(
        quote.flow, becomes, load<AddressOf<F>>(&datagram[IpLayout<F>::kSource]));
    translate_icmp_error<F>(datagram, message, quote, becomes, outer);
    const auto length = static_cast<std::uint16_t>(datagram.size());
    count(connection, entry.direction(), length);
    send_towards<F>(packet, length, outer.destination);
}

template void Worker::pass_icmp<Family::ipv4>(rte_mbuf*);
template void Worker::pass_icmp<Family::ipv6>(rte_mbuf*);

}  // namespace usher
