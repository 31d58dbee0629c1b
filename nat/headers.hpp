// SPDX-License-Identifier: BSD-3-Clause
// Where the headers of a frame lie, every length checked. Pure: bytes in, positions out. What this
// accepts can be read and rewritten at the positions given without looking at a length again.
// Layout: RFC 791, RFC 9293 (TCP), RFC 768 (UDP), IEEE 802.3.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "nat/drop.hpp"
#include "nat/flow.hpp"

namespace usher {

inline constexpr std::uint16_t kEthernetHeader = 14;
inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;

// TCP's flags as they lie in its 14th byte.
enum TcpFlags : std::uint8_t { kFin = 0x01, kSyn = 0x02, kRst = 0x04, kAck = 0x10 };

struct Headers {
    std::uint8_t protocol = 0;
    std::uint8_t tcp_flags = 0;   // of a TCP segment
    std::uint8_t l4 = 0;          // offset of the transport header from the frame's start
    std::uint16_t ip_length = 0;  // the datagram's total length, bytes
};

// Unaligned loads and stores, in wire order.
template <class T>
T load(const std::uint8_t* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}
template <class T>
void store(std::uint8_t* at, T value) {
    std::memcpy(at, &value, sizeof value);
}

namespace ipv4 {
inline constexpr int kTotalLength = 2, kId = 4, kFragment = 6, kTtl = 8, kProtocol = 9;
inline constexpr int kChecksum = 10, kSource = 12, kDestination = 16, kMinHeader = 20;
inline constexpr std::uint16_t kDontFragment = 0x4000, kFragmentMask = 0x3fff;
}  // namespace ipv4

// Ports lie at the same place in TCP and UDP.
inline constexpr int kTcpChecksum = 16, kUdpChecksum = 6, kTcpMinHeader = 20, kUdpHeader = 8;

// What is wrong with a frame that parse_ipv4 did not take.
Drop fault_of(std::span<const std::uint8_t> frame);

// Reads an Ethernet frame that should carry IPv4 with TCP or UDP. Returns what is wrong with it;
// `headers` holds only when that is Drop::none. Every packet runs through this: all that must hold
// is one question, and only a frame that fails it is asked for the reason.
inline Drop parse_ipv4(std::span<const std::uint8_t> frame, Headers& headers) {
    constexpr std::uint8_t kUdp = static_cast<std::uint8_t>(Protocol::udp);
    constexpr std::uint8_t kTcp = static_cast<std::uint8_t>(Protocol::tcp);
    if (frame.size() < kEthernetHeader + ipv4::kMinHeader + kUdpHeader) return fault_of(frame);
    const std::uint8_t* ip = frame.data() + kEthernetHeader;
    const std::uint64_t first = load<Be64>(ip).host();  // version to fragment offset
    const auto header = static_cast<unsigned>(first >> 54 & 0x3c);
    const auto total = static_cast<unsigned>(first >> 32 & 0xffff);
    const std::uint8_t protocol = ip[ipv4::kProtocol];
    const bool sound = (load<Be16>(frame.data() + 12) == Be16::from_host(kEtherTypeIpv4)) &
                       ((first & 0xf000000000003fff) == 0x4000000000000000) &
                       (header >= ipv4::kMinHeader) & (total >= header + kUdpHeader) &
                       (total <= frame.size() - kEthernetHeader);
    if (!sound) return fault_of(frame);

    const std::uint8_t* l4 = ip + header;
    std::uint8_t flags = 0;
    if (protocol == kUdp) {
        const unsigned said = load<Be32>(l4 + 4).host() >> 16;
        if ((said < kUdpHeader) | (said > total - header)) return Drop::bad_udp_header;
    } else if (protocol == kTcp) {
        if (total < header + kTcpMinHeader) return Drop::bad_tcp_header;
        const unsigned offset = static_cast<unsigned>(l4[12] >> 4) * 4;
        if ((offset < kTcpMinHeader) | (offset > total - header)) return Drop::bad_tcp_header;
        flags = l4[13];
    } else {
        return Drop::unknown_protocol;
    }
    headers.protocol = protocol;
    headers.tcp_flags = flags;
    headers.l4 = static_cast<std::uint8_t>(kEthernetHeader + header);
    headers.ip_length = static_cast<std::uint16_t>(total);
    return Drop::none;
}

// The flow of a frame that parse_ipv4 accepted.
inline Flow4 read_flow(const std::uint8_t* frame, const Headers& headers) {
    const std::uint8_t* ip = frame + kEthernetHeader;
    Flow4 flow;
    std::memcpy(&flow.source, ip + ipv4::kSource, 8);       // both addresses
    std::memcpy(&flow.source_port, frame + headers.l4, 4);  // both ports
    return flow;
}

}  // namespace usher
