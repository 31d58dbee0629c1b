// SPDX-License-Identifier: BSD-3-Clause
#include "nat/icmp_error.hpp"

#include <algorithm>

#include "nat/icmp.hpp"
#include "nat/ipv6_chain.hpp"
#include "nat/rewrite.hpp"

namespace usher {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kQuotedTransport = 8;  // RFC 792: what every quote has of it
constexpr std::uint16_t kOffsetMask4 = 0x1fff;

// RFC 4884 section 3: how many bytes are quoted when extensions follow; 0 when the message does not
// say. Packet too big and ICMPv6's parameter problem have other things there.
template <Family F>
std::size_t said_length(const std::uint8_t* icmp) {
    if constexpr (F == Family::ipv4) {
        const bool may_say = icmp[0] == 3 || icmp[0] == 11 || icmp[0] == 12;
        return may_say ? icmp[5] * std::size_t{4} : 0;
    } else {
        const bool may_say = icmp[0] == 1 || icmp[0] == 3;
        return may_say ? icmp[4] * std::size_t{8} : 0;
    }
}

struct Transport {
    std::size_t at = 0, end = 0;  // from the quote's start; 0, 0: the quote is bad
    std::uint8_t protocol = 0;
};

// RFC 5508 REQ-3: the quoted header's checksum must be right, the transport's is not looked at.
Transport find_transport4(Bytes quote) {
    if (quote.size() < ipv4::kMinHeader + kQuotedTransport) return {};
    const std::uint8_t* ip = quote.data();
    const std::size_t header = (ip[0] & 0x0fU) * std::size_t{4};
    const std::size_t total = load<Be16>(ip + ipv4::kTotalLength).host();
    const std::size_t end = std::min(total, quote.size());
    if (ip[0] >> 4 != 4 || header < ipv4::kMinHeader || end < header + kQuotedTransport) return {};
    if (load<Be16>(ip + ipv4::kFragment).host() & kOffsetMask4) return {};
    if (static_cast<std::uint16_t>(~sum_words({ip, header})) != 0) return {};
    return {header, end, ip[ipv4::kProtocol]};
}

Transport find_transport6(Bytes quote) {
    if (quote.size() < ipv6::kHeader + kQuotedTransport || quote[0] >> 4 != 6) return {};
    const std::size_t total =
        ipv6::kHeader + std::size_t{load<Be16>(quote.data() + ipv6::kPayloadLength).host()};
    const Bytes there = quote.first(std::min(total, quote.size()));
    const Ipv6Chain chain = read_chain(there);
    if (!chain.complete || there.size() < chain.end + kQuotedTransport) return {};
    if (chain.fragment != 0 && load<Be16>(quote.data() + chain.fragment + 2).host() & 0xfff8)
        return {};
    return {chain.end, there.size(), chain.protocol};
}

template <Family F>
Drop read_ports(Bytes datagram, IcmpQuote<F>& quote) {
    const std::uint8_t* l4 = datagram.data() + quote.l4;
    switch (static_cast<Protocol>(quote.protocol)) {
        case Protocol::tcp:
        case Protocol::udp:
        case Protocol::sctp:
            quote.flow.source_port = load<Be16>(l4);
            quote.flow.destination_port = load<Be16>(l4 + 2);
            return Drop::none;
        case kIcmpProtocol<F>: {
            const IcmpKind kind = icmp_kind<F>(l4[0]);
            if (kind != IcmpKind::echo_request && kind != IcmpKind::echo_reply)
                return Drop::bad_quote;
            quote.flow.source_port = quote.flow.destination_port = load<Be16>(l4 + kIcmpId);
            return Drop::none;
        }
        default:
            return Drop::unknown_protocol;
    }
}

template <Family F>
void translate_quote(std::uint8_t* bytes, const IcmpQuote<F>& quote, const Flow<F>& becomes) {
    const ChecksumDelta addresses =
        readdress<F>(bytes + quote.ip, {becomes.source, becomes.destination});
    std::uint8_t* l4 = bytes + quote.l4;
    if (quote.protocol == static_cast<std::uint8_t>(kIcmpProtocol<F>))
        return set_echo_id<F>(l4, becomes.source_port, addresses);

    store(l4, becomes.source_port);
    store(l4 + 2, becomes.destination_port);
    const ChecksumDelta delta = deltas_between(quote.flow, becomes).transport;
    if (quote.protocol == static_cast<std::uint8_t>(Protocol::udp))
        adjust_udp(l4 + kUdpChecksum, delta);
    else if (quote.protocol == static_cast<std::uint8_t>(Protocol::tcp) &&
             quote.end - quote.l4 >= kTcpChecksum + 2)
        store(l4 + kTcpChecksum, delta.apply(load<std::uint16_t>(l4 + kTcpChecksum)));
}

}  // namespace

template <Family F>
Drop read_icmp_error(Bytes datagram, std::size_t l4, IcmpQuote<F>& quote) {
    if (datagram.size() > 0xffff || datagram.size() < l4 + kIcmpHeader) return Drop::bad_icmp;
    if (icmp_checksum<F>(datagram, l4) != 0) return Drop::bad_icmp;

    Bytes quoted = datagram.subspan(l4 + kIcmpHeader);
    const std::size_t said = said_length<F>(datagram.data() + l4);
    if (said != 0) quoted = quoted.first(std::min(said, quoted.size()));
    Transport transport;
    if constexpr (F == Family::ipv4)
        transport = find_transport4(quoted);
    else
        transport = find_transport6(quoted);
    if (transport.at == 0) return Drop::bad_quote;

    const std::size_t ip = l4 + kIcmpHeader;
    const AddressPair<F> addresses = addresses_of<F>(quoted.data());
    // Errors go to the sender of what they quote; any other was made up.
    if (addresses.source != addresses_of<F>(datagram.data()).destination) return Drop::bad_quote;
    quote.flow.source = addresses.source;
    quote.flow.destination = addresses.destination;
    quote.protocol = transport.protocol;
    quote.ip = static_cast<std::uint16_t>(ip);
    quote.l4 = static_cast<std::uint16_t>(ip + transport.at);
    quote.end = static_cast<std::uint16_t>(ip + transport.end);
    return read_ports(datagram, quote);
}

template <Family F>
AddressPair<F> outer_addresses(const Flow<F>& quoted, const Flow<F>& becomes,
                               const AddressOf<F>& source) {
    const bool hidden = quoted.destination != becomes.destination;
    return {hidden ? becomes.destination : source, becomes.source};
}

template <Family F>
void translate_icmp_error(std::span<std::uint8_t> datagram, std::size_t l4,
                          const IcmpQuote<F>& quote, const Flow<F>& becomes,
                          const AddressPair<F>& outer) {
    translate_quote(datagram.data(), quote, becomes);
    readdress<F>(datagram.data(), outer);
    take_hop<F>(datagram.data());
    // From nothing: it was right, errors are few, and the quote changed in many places.
    std::uint8_t* checksum = datagram.data() + l4 + kIcmpChecksum;
    store<std::uint16_t>(checksum, 0);
    store(checksum, icmp_checksum<F>(datagram, l4));
}

template Drop read_icmp_error(Bytes, std::size_t, IcmpQuote<Family::ipv4>&);
template Drop read_icmp_error(Bytes, std::size_t, IcmpQuote<Family::ipv6>&);
template AddressPair<Family::ipv4> outer_addresses(const Flow4&, const Flow4&,
                                                   const AddressOf<Family::ipv4>&);
template AddressPair<Family::ipv6> outer_addresses(const Flow6&, const Flow6&,
                                                   const AddressOf<Family::ipv6>&);
template void translate_icmp_error(std::span<std::uint8_t>, std::size_t,
                                   const IcmpQuote<Family::ipv4>&, const Flow4&,
                                   const AddressPair<Family::ipv4>&);
template void translate_icmp_error(std::span<std::uint8_t>, std::size_t,
                                   const IcmpQuote<Family::ipv6>&, const Flow6&,
                                   const AddressPair<Family::ipv6>&);

}  // namespace usher
