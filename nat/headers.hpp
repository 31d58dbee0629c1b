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
    Drop fault = Drop::none;  // not none: nothing else here is to be used
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

inline Drop check_tcp(const std::uint8_t* tcp, unsigned length) {
    if (length < kTcpMinHeader) return Drop::bad_tcp_header;
    const unsigned header = static_cast<unsigned>(tcp[12] >> 4) * 4;
    return header < kTcpMinHeader || header > length ? Drop::bad_tcp_header : Drop::none;
}

inline Drop check_udp(const std::uint8_t* udp, unsigned length) {
    if (length < kUdpHeader) return Drop::bad_udp_header;
    const unsigned said = load<Be16>(udp + 4).host();
    return said < kUdpHeader || said > length ? Drop::bad_udp_header : Drop::none;
}

inline Headers faulty(Drop reason) {
    Headers headers;
    headers.fault = reason;
    return headers;
}

// Reads an Ethernet frame that should carry IPv4 with TCP or UDP.
inline Headers parse_ipv4(std::span<const std::uint8_t> frame) {
    if (frame.size() < kEthernetHeader) return faulty(Drop::truncated);
    if (load<Be16>(frame.data() + 12).host() != kEtherTypeIpv4) return faulty(Drop::not_ip);
    if (frame.size() < kEthernetHeader + ipv4::kMinHeader) return faulty(Drop::truncated);

    const std::uint8_t* ip = frame.data() + kEthernetHeader;
    const unsigned header = (ip[0] & 0x0fU) * 4;
    const unsigned total = load<Be16>(ip + ipv4::kTotalLength).host();
    if (ip[0] >> 4 != 4 || header < ipv4::kMinHeader || total < header)
        return faulty(Drop::bad_ip_header);
    if (total > frame.size() - kEthernetHeader) return faulty(Drop::truncated);
    if (load<Be16>(ip + ipv4::kFragment).host() & ipv4::kFragmentMask)
        return faulty(Drop::fragment);

    Headers headers;
    headers.protocol = ip[ipv4::kProtocol];
    headers.l4 = static_cast<std::uint8_t>(kEthernetHeader + header);
    headers.ip_length = static_cast<std::uint16_t>(total);
    const std::uint8_t* l4 = ip + header;
    if (headers.protocol == static_cast<std::uint8_t>(Protocol::tcp)) {
        headers.fault = check_tcp(l4, total - header);
        if (headers.fault == Drop::none) headers.tcp_flags = l4[13];
    } else if (headers.protocol == static_cast<std::uint8_t>(Protocol::udp)) {
        headers.fault = check_udp(l4, total - header);
    } else {
        headers.fault = Drop::unknown_protocol;
    }
    return headers;
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
