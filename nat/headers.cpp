// SPDX-License-Identifier: BSD-3-Clause
#include "nat/headers.hpp"

#include "nat/fragment.hpp"
#include "nat/ipv6_chain.hpp"

namespace usher {

namespace {

// What is left is a datagram too short for the shortest transport header.
Drop too_short(std::uint8_t protocol) {
    switch (static_cast<Protocol>(protocol)) {
        case Protocol::tcp:
            return Drop::bad_tcp_header;
        case Protocol::udp:
            return Drop::bad_udp_header;
        default:
            return Drop::unknown_protocol;
    }
}

}  // namespace

template <>
Drop fault_of<Family::ipv4>(std::span<const std::uint8_t> frame) {
    if (frame.size() < kEthernetHeader) return Drop::truncated;
    if (load<Be16>(frame.data() + 12).host() != kEtherTypeIpv4) return Drop::not_ip;
    if (frame.size() < kEthernetHeader + ipv4::kMinHeader) return Drop::truncated;

    const std::uint8_t* ip = frame.data() + kEthernetHeader;
    const unsigned header = (ip[0] & 0x0fU) * 4;
    const unsigned total = load<Be16>(ip + ipv4::kTotalLength).host();
    if (ip[0] >> 4 != 4 || header < ipv4::kMinHeader || total < header) return Drop::bad_ip_header;
    if (total > frame.size() - kEthernetHeader) return Drop::truncated;
    if (load<Be16>(ip + ipv4::kFragment).host() & ipv4::kFragmentMask) return Drop::fragment;
    return too_short(ip[ipv4::kProtocol]);
}

template <>
Drop fault_of<Family::ipv6>(std::span<const std::uint8_t> frame) {
    if (frame.size() < kEthernetHeader) return Drop::truncated;
    if (load<Be16>(frame.data() + 12).host() != kEtherTypeIpv6) return Drop::not_ip;
    if (frame.size() < kEthernetHeader + ipv6::kHeader) return Drop::truncated;

    const std::uint8_t* ip = frame.data() + kEthernetHeader;
    const unsigned total = load<Be16>(ip + ipv6::kPayloadLength).host() + ipv6::kHeader;
    if (ip[0] >> 4 != 6 || total > 0xffff) return Drop::bad_ip_header;
    if (total > frame.size() - kEthernetHeader) return Drop::truncated;
    const Ipv6Chain chain = read_chain({ip, total});
    return chain.complete ? too_short(chain.protocol) : Drop::bad_ip_header;
}

// A fragment that is the whole datagram counts as none (RFC 6946).
Drop parse_extended_ipv6(std::span<const std::uint8_t> datagram, Headers& headers) {
    const Ipv6Chain chain = read_chain(datagram);
    if (!chain.complete) return Drop::bad_ip_header;
    if (is_fragment<Family::ipv6>(datagram)) return Drop::fragment;
    if (kEthernetHeader + chain.end > 0xff) return Drop::bad_ip_header;  // longer than we take
    const std::size_t size = datagram.size() - chain.end;
    if (size < kUdpHeader) return too_short(chain.protocol);
    headers.l4 = static_cast<std::uint8_t>(kEthernetHeader + chain.end);
    return parse_transport(datagram.data() + chain.end, static_cast<unsigned>(size), chain.protocol,
                           headers);
}

}  // namespace usher
