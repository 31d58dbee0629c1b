// SPDX-License-Identifier: BSD-3-Clause
#include "nat/refusal.hpp"

#include <algorithm>
#include <array>

#include "nat/checksum.hpp"

namespace usher {

namespace {

constexpr std::size_t kIcmpHeader = 8;
constexpr std::uint8_t kTtl = 64;
constexpr std::uint8_t kTosInternetControl = 0xc0;  // RFC 1812 section 4.3.2.5

struct Ipv4Fields {
    std::uint8_t tos;
    std::uint16_t length, id, fragment;
    Protocol protocol;
    Be32 source, destination;
};

void write_ipv4(std::uint8_t* ip, const Ipv4Fields& f) {
    ip[0] = 0x45;
    ip[1] = f.tos;
    store(ip + ipv4::kTotalLength, Be16::from_host(f.length));
    store(ip + ipv4::kId, Be16::from_host(f.id));
    store(ip + ipv4::kFragment, Be16::from_host(f.fragment));
    ip[ipv4::kTtl] = kTtl;
    ip[ipv4::kProtocol] = static_cast<std::uint8_t>(f.protocol);
    store<std::uint16_t>(ip + ipv4::kChecksum, 0);
    store(ip + ipv4::kSource, f.source);
    store(ip + ipv4::kDestination, f.destination);
    const auto sum = static_cast<std::uint16_t>(~sum_words({ip, ipv4::kMinHeader}));
    store(ip + ipv4::kChecksum, sum);
}

std::uint16_t tcp_checksum(Be32 source, Be32 destination, std::span<const std::uint8_t> segment) {
    struct Pseudo {
        Be32 source, destination;
        Be16 protocol, length;
    };
    const Pseudo pseudo{source, destination, Be16::from_host(6),
                        Be16::from_host(static_cast<std::uint16_t>(segment.size()))};
    return static_cast<std::uint16_t>(~sum_words(segment, words_of(pseudo)));
}

}  // namespace

std::size_t write_icmp_error(std::span<std::uint8_t> room, const Headers& headers, IcmpError error,
                             std::uint16_t mtu, std::uint16_t ip_id, Be32 from) {
    std::uint8_t* ip = room.data() + kEthernetHeader;
    const auto sender = load<Be32>(ip + ipv4::kSource);
    const auto target = load<Be32>(ip + ipv4::kDestination);
    const std::size_t quoted = std::min<std::size_t>(
        headers.ip_length, kIcmpDatagramLimit - ipv4::kMinHeader - kIcmpHeader);

    std::uint8_t* icmp = ip + ipv4::kMinHeader;
    std::memmove(icmp + kIcmpHeader, ip, quoted);
    const auto type_and_code = static_cast<std::uint16_t>(error);
    store(icmp, Be16::from_host(type_and_code));
    store<std::uint32_t>(icmp + 2, 0);  // checksum, and two bytes unused
    store(icmp + 6, Be16::from_host(mtu));
    const auto sum = static_cast<std::uint16_t>(~sum_words({icmp, kIcmpHeader + quoted}));
    store(icmp + 2, sum);

    const std::size_t length = ipv4::kMinHeader + kIcmpHeader + quoted;
    write_ipv4(ip, {kTosInternetControl, static_cast<std::uint16_t>(length), ip_id, 0,
                    Protocol::icmp, from == Be32() ? target : from, sender});
    return kEthernetHeader + length;
}

std::size_t write_tcp_reset(std::span<std::uint8_t> room, const Headers& headers) {
    std::uint8_t* ip = room.data() + kEthernetHeader;
    const std::uint8_t* old = room.data() + headers.l4;
    const auto sender = load<Be32>(ip + ipv4::kSource);
    const auto target = load<Be32>(ip + ipv4::kDestination);

    std::array<std::uint8_t, kTcpMinHeader> tcp{};
    store(tcp.data(), load<Be16>(old + 2));
    store(tcp.data() + 2, load<Be16>(old));
    tcp[12] = (kTcpMinHeader / 4) << 4;
    if (headers.tcp_flags & kAck) {  // <SEQ=SEG.ACK><CTL=RST>
        store(tcp.data() + 4, load<Be32>(old + 8));
        tcp[13] = kRst;
    } else {  // <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
        const unsigned header = static_cast<unsigned>(old[12] >> 4) * 4;
        const unsigned l4_length = headers.ip_length - (headers.l4 - kEthernetHeader);
        std::uint32_t length = l4_length - header;
        if (headers.tcp_flags & kSyn) ++length;
        if (headers.tcp_flags & kFin) ++length;
        store(tcp.data() + 8, Be32::from_host(load<Be32>(old + 4).host() + length));
        tcp[13] = kRst | kAck;
    }
    store(tcp.data() + kTcpChecksum, tcp_checksum(target, sender, tcp));

    std::memcpy(ip + ipv4::kMinHeader, tcp.data(), tcp.size());
    write_ipv4(ip, {0, ipv4::kMinHeader + kTcpMinHeader, 0, ipv4::kDontFragment, Protocol::tcp,
                    target, sender});
    return kEthernetHeader + ipv4::kMinHeader + kTcpMinHeader;
}

}  // namespace usher
