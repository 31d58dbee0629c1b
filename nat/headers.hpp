// SPDX-License-Identifier: BSD-3-Clause
// Where the headers of a frame lie, every length checked. Pure: bytes in, positions out. What this
// accepts can be read and rewritten at the positions given without looking at a length again.
// Layout: RFC 791, RFC 8200, RFC 9293 (TCP), RFC 768 (UDP), IEEE 802.3.
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

namespace ipv6 {
inline constexpr int kPayloadLength = 4, kNextHeader = 6, kHopLimit = 7;
inline constexpr int kSource = 8, kDestination = 24, kHeader = 40;
}  // namespace ipv6

// Where the fields of a family's header lie, from its start.
template <Family F>
struct IpLayout;
template <>
struct IpLayout<Family::ipv4> {
    static constexpr int kSource = ipv4::kSource, kDestination = ipv4::kDestination;
    static constexpr int kTtl = ipv4::kTtl;
    static constexpr std::uint16_t kEtherType = kEtherTypeIpv4;
};
template <>
struct IpLayout<Family::ipv6> {
    static constexpr int kSource = ipv6::kSource, kDestination = ipv6::kDestination;
    static constexpr int kTtl = ipv6::kHopLimit;
    static constexpr std::uint16_t kEtherType = kEtherTypeIpv6;
};

// Of a frame: no router may send it further.
template <Family F>
bool is_at_last_hop(const std::uint8_t* frame) {
    return frame[kEthernetHeader + IpLayout<F>::kTtl] <= 1;
}

template <Family F>
bool must_not_fragment(const std::uint8_t* frame) {
    if (F == Family::ipv6) return true;
    return load<Be16>(frame + kEthernetHeader + ipv4::kFragment).host() & ipv4::kDontFragment;
}

// Ports lie at the same place in TCP and UDP.
inline constexpr int kTcpChecksum = 16, kUdpChecksum = 6, kTcpMinHeader = 20, kUdpHeader = 8;

// What is wrong with a frame that parse<F> did not take for its network header.
template <Family F>
Drop fault_of(std::span<const std::uint8_t> frame);
template <>
Drop fault_of<Family::ipv4>(std::span<const std::uint8_t> frame);
template <>
Drop fault_of<Family::ipv6>(std::span<const std::uint8_t> frame);

// The transport header in its `size` bytes, at least kUdpHeader. Fills in protocol and flags.
inline Drop parse_transport(const std::uint8_t* l4, unsigned size, std::uint8_t protocol,
                            Headers& headers) {
    constexpr std::uint8_t kUdp = static_cast<std::uint8_t>(Protocol::udp);
    constexpr std::uint8_t kTcp = static_cast<std::uint8_t>(Protocol::tcp);
    std::uint8_t flags = 0;
    if (protocol == kUdp) {
        const unsigned said = load<Be32>(l4 + 4).host() >> 16;
        if ((said < kUdpHeader) | (said > size)) return Drop::bad_udp_header;
    } else if (protocol == kTcp) {
        if (size < kTcpMinHeader) return Drop::bad_tcp_header;
        const unsigned offset = static_cast<unsigned>(l4[12] >> 4) * 4;
        if ((offset < kTcpMinHeader) | (offset > size)) return Drop::bad_tcp_header;
        flags = l4[13];
    } else {
        return Drop::unknown_protocol;
    }
    headers.protocol = protocol;
    headers.tcp_flags = flags;
    return Drop::none;
}

// All of them are looked at, with no branch between.
template <typename... Bools>
constexpr bool all(Bools... facts) {
    return (static_cast<unsigned>(facts) & ...) != 0;
}

// Reads an Ethernet frame that should carry TCP or UDP over the family's IP. Returns what is wrong
// with it; `headers` holds only when that is Drop::none. Every packet runs through this: all that
// must hold is one question, and only a frame that fails it is asked for the reason.
template <Family F>
Drop parse(std::span<const std::uint8_t> frame, Headers& headers);

template <>
inline Drop parse<Family::ipv4>(std::span<const std::uint8_t> frame, Headers& headers) {
    constexpr Family kFamily = Family::ipv4;
    if (frame.size() < kEthernetHeader + ipv4::kMinHeader + kUdpHeader)
        return fault_of<kFamily>(frame);
    const std::uint8_t* ip = frame.data() + kEthernetHeader;
    const std::uint64_t first = load<Be64>(ip).host();  // version to fragment offset
    const auto header = static_cast<unsigned>(first >> 54 & 0x3c);
    const auto total = static_cast<unsigned>(first >> 32 & 0xffff);
    const bool sound =
        all(load<Be16>(frame.data() + 12) == Be16::from_host(kEtherTypeIpv4),
            (first & 0xf000000000003fff) == 0x4000000000000000, header >= ipv4::kMinHeader,
            total >= header + kUdpHeader, total <= frame.size() - kEthernetHeader);
    if (!sound) return fault_of<kFamily>(frame);
    headers.l4 = static_cast<std::uint8_t>(kEthernetHeader + header);
    headers.ip_length = static_cast<std::uint16_t>(total);
    return parse_transport(ip + header, total - header, ip[ipv4::kProtocol], headers);
}

// Extension headers are skipped: out of line, few packets have any.
Drop parse_extended_ipv6(std::span<const std::uint8_t> datagram, Headers& headers);

template <>
inline Drop parse<Family::ipv6>(std::span<const std::uint8_t> frame, Headers& headers) {
    constexpr Family kFamily = Family::ipv6;
    if (frame.size() < kEthernetHeader + ipv6::kHeader + kUdpHeader)
        return fault_of<kFamily>(frame);
    const std::uint8_t* ip = frame.data() + kEthernetHeader;
    const unsigned payload = load<Be16>(ip + ipv6::kPayloadLength).host();
    const unsigned total = payload + ipv6::kHeader;
    const bool sound =
        all(load<Be16>(frame.data() + 12) == Be16::from_host(kEtherTypeIpv6), ip[0] >> 4 == 6,
            payload >= kUdpHeader, total <= 0xffff, total <= frame.size() - kEthernetHeader);
    if (!sound) return fault_of<kFamily>(frame);
    headers.l4 = kEthernetHeader + ipv6::kHeader;
    headers.ip_length = static_cast<std::uint16_t>(total);
    const std::uint8_t next = ip[ipv6::kNextHeader];
    if (next != static_cast<std::uint8_t>(Protocol::tcp) &&
        next != static_cast<std::uint8_t>(Protocol::udp))
        return parse_extended_ipv6({ip, total}, headers);
    return parse_transport(ip + ipv6::kHeader, payload, next, headers);
}

// The flow of a frame that parse<F> accepted.
template <Family F>
Flow<F> read_flow(const std::uint8_t* frame, const Headers& headers) {
    const std::uint8_t* ip = frame + kEthernetHeader;
    Flow<F> flow;
    std::memcpy(&flow.source, ip + IpLayout<F>::kSource, 2 * sizeof flow.source);  // both addresses
    std::memcpy(&flow.source_port, frame + headers.l4, 4);                         // both ports
    return flow;
}

}  // namespace usher
