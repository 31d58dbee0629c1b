// SPDX-License-Identifier: BSD-3-Clause
#include "nat/refusal.hpp"

#include <algorithm>
#include <array>

#include "nat/icmp.hpp"
#include "nat/pseudo_header.hpp"
#include "nat/readdress.hpp"

namespace usher {

namespace {

constexpr std::uint8_t kTtl = 64;
constexpr std::uint8_t kTosInternetControl = 0xc0;  // RFC 1812 section 4.3.2.5

template <Family F>
inline constexpr std::size_t kIpHeader = F == Family::ipv4 ? ipv4::kMinHeader : ipv6::kHeader;

// type << 8 | code
template <Family F>
std::uint16_t type_and_code(IcmpError error) {
    static constexpr std::array<std::uint16_t, 6> kIpv4{0x0300, 0x0301, 0x0303,
                                                        0x0304, 0x0b00, 0x030d};
    static constexpr std::array<std::uint16_t, 6> kIpv6{0x0100, 0x0103, 0x0104,
                                                        0x0200, 0x0300, 0x0101};
    return (F == Family::ipv4 ? kIpv4 : kIpv6)[static_cast<std::size_t>(error)];
}

struct Ipv4Extras {
    std::uint8_t tos;
    std::uint16_t id, fragment;
};

// The network header before `payload` bytes of `protocol`.
template <Family F>
void write_ip(std::uint8_t* ip, Protocol protocol, std::size_t payload, const AddressPair<F>& way,
              const Ipv4Extras& extras) {
    const auto number = static_cast<std::uint8_t>(protocol);
    if constexpr (F == Family::ipv4) {
        const auto length = static_cast<std::uint16_t>(ipv4::kMinHeader + payload);
        ip[0] = 0x45;
        ip[1] = extras.tos;
        store(ip + ipv4::kTotalLength, Be16::from_host(length));
        store(ip + ipv4::kId, Be16::from_host(extras.id));
        store(ip + ipv4::kFragment, Be16::from_host(extras.fragment));
        ip[ipv4::kProtocol] = number;
        store<std::uint16_t>(ip + ipv4::kChecksum, 0);
    } else {
        store(ip, Be32::from_host(0x60000000));
        store(ip + ipv6::kPayloadLength, Be16::from_host(static_cast<std::uint16_t>(payload)));
        ip[ipv6::kNextHeader] = number;
    }
    ip[IpLayout<F>::kTtl] = kTtl;
    store(ip + IpLayout<F>::kSource, way);
    if constexpr (F == Family::ipv4)
        store(ip + ipv4::kChecksum, static_cast<std::uint16_t>(~sum_words({ip, ipv4::kMinHeader})));
}

}  // namespace

template <Family F>
std::size_t write_icmp_error(std::span<std::uint8_t> room, const Headers& headers, IcmpError error,
                             std::uint16_t mtu, std::uint16_t ip_id, const AddressOf<F>& from) {
    std::uint8_t* ip = room.data() + kEthernetHeader;
    const AddressPair<F> old = addresses_of<F>(ip);
    const AddressPair<F> way{from == AddressOf<F>{} ? old.destination : from, old.source};
    const std::size_t quoted = std::min<std::size_t>(
        headers.ip_length, kIcmpDatagramLimit<F> - kIpHeader<F> - kIcmpHeader);

    std::uint8_t* icmp = ip + kIpHeader<F>;
    std::memmove(icmp + kIcmpHeader, ip, quoted);
    store(icmp, Be16::from_host(type_and_code<F>(error)));
    store<std::uint16_t>(icmp + kIcmpChecksum, 0);
    store(icmp + 4, Be32::from_host(mtu));  // the upper half: unused by IPv4
    const std::size_t length = kIpHeader<F> + kIcmpHeader + quoted;
    write_ip<F>(ip, kIcmpProtocol<F>, kIcmpHeader + quoted, way, {kTosInternetControl, ip_id, 0});
    store(icmp + kIcmpChecksum, icmp_checksum<F>({ip, length}, kIpHeader<F>));
    return kEthernetHeader + length;
}

template <Family F>
std::size_t write_tcp_reset(std::span<std::uint8_t> room, const Headers& headers) {
    std::uint8_t* ip = room.data() + kEthernetHeader;
    const std::uint8_t* old = room.data() + headers.l4;
    const AddressPair<F> addresses = addresses_of<F>(ip);

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

    write_ip<F>(ip, Protocol::tcp, tcp.size(), {addresses.destination, addresses.source},
                {0, 0, ipv4::kDontFragment});
    const std::uint32_t pseudo = pseudo_sum<F>(ip, Protocol::tcp, tcp.size());
    store(tcp.data() + kTcpChecksum, static_cast<std::uint16_t>(~sum_words(tcp, pseudo)));
    std::memcpy(ip + kIpHeader<F>, tcp.data(), tcp.size());
    return kEthernetHeader + kIpHeader<F> + kTcpMinHeader;
}

template std::size_t write_icmp_error<Family::ipv4>(std::span<std::uint8_t>, const Headers&,
                                                    IcmpError, std::uint16_t, std::uint16_t,
                                                    const AddressOf<Family::ipv4>&);
template std::size_t write_icmp_error<Family::ipv6>(std::span<std::uint8_t>, const Headers&,
                                                    IcmpError, std::uint16_t, std::uint16_t,
                                                    const AddressOf<Family::ipv6>&);
template std::size_t write_tcp_reset<Family::ipv4>(std::span<std::uint8_t>, const Headers&);
template std::size_t write_tcp_reset<Family::ipv6>(std::span<std::uint8_t>, const Headers&);

}  // namespace usher
