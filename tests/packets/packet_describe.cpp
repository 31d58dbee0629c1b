// SPDX-License-Identifier: BSD-3-Clause
// The way back: what a frame says, in the words of packet_text.hpp.
#include <fmt/core.h>

#include <algorithm>

#include "nat/headers.hpp"
#include "nat/icmp.hpp"
#include "nat/sctp.hpp"
#include "tests/packets/packet_sums.hpp"
#include "tests/packets/packet_text.hpp"

namespace usher::test {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint8_t kHopByHop = 0, kFragmentHeader = 44;

// What the network header says, of either family.
struct Network {
    IpAddress source, destination;
    std::uint8_t protocol = 0;
    std::size_t header = 0;  // with extension headers
    std::size_t total = 0;
    bool fragment = false;
    bool more = false;
    std::size_t offset = 0;
    std::uint32_t id = 0;
    std::string rest;  // what is said after the transport
};

std::optional<Network> read_ipv4(Bytes ip) {
    if (ip.size() < ipv4::kMinHeader) return std::nullopt;
    Network n;
    n.header = (ip[0] & 0x0fU) * std::size_t{4};
    if (n.header < ipv4::kMinHeader || n.header > ip.size()) return std::nullopt;
    n.total = load<Be16>(&ip[ipv4::kTotalLength]).host();
    n.source = IpAddress(load<Be32>(&ip[ipv4::kSource]));
    n.destination = IpAddress(load<Be32>(&ip[ipv4::kDestination]));
    n.protocol = ip[ipv4::kProtocol];
    const unsigned fragment = load<Be16>(&ip[ipv4::kFragment]).host();
    n.fragment = fragment & ipv4::kFragmentMask;
    n.more = fragment & 0x2000;
    n.offset = (fragment & 0x1fff) * std::size_t{8};
    n.id = load<Be16>(&ip[ipv4::kId]).host();
    const Bytes options = ip.subspan(ipv4::kMinHeader, n.header - ipv4::kMinHeader);
    if (std::equal(options.begin(), options.end(), kIpv4Options.begin(), kIpv4Options.end()))
        n.rest += " options";
    else if (!options.empty())
        n.rest += " other-options";
    if (ip[1] != 0) n.rest += fmt::format(" tos={}", ip[1]);
    if (ip[ipv4::kTtl] != 64) n.rest += fmt::format(" ttl={}", ip[ipv4::kTtl]);
    if (fragment & ipv4::kDontFragment) n.rest += " df";
    if (complement(sum_words(ip.first(n.header))) != 0) n.rest += " !ip-sum";
    return n;
}

std::optional<Network> read_ipv6(Bytes ip) {
    if (ip.size() < ipv6::kHeader) return std::nullopt;
    Network n;
    n.total = load<Be16>(&ip[ipv6::kPayloadLength]).host() + std::size_t{ipv6::kHeader};
    n.source = IpAddress(load<AddressOf<Family::ipv6>>(&ip[ipv6::kSource]));
    n.destination = IpAddress(load<AddressOf<Family::ipv6>>(&ip[ipv6::kDestination]));
    n.protocol = ip[ipv6::kNextHeader];
    n.header = ipv6::kHeader;
    while ((n.protocol == kHopByHop || n.protocol == kFragmentHeader) &&
           ip.size() >= n.header + 8) {
        const std::uint8_t* at = &ip[n.header];
        if (n.protocol == kFragmentHeader) {
            n.fragment = true;
            n.more = load<Be16>(at + 2).host() & 1;
            n.offset = load<Be16>(at + 2).host() & 0xfff8U;
            n.id = load<Be32>(at + 4).host();
        } else {
            n.rest += " options";
        }
        n.protocol = at[0];
        n.header += 8;
    }
    if (ip[ipv6::kHopLimit] != 64) n.rest += fmt::format(" ttl={}", ip[ipv6::kHopLimit]);
    return n;
}

std::string describe_ip(Bytes ip, bool quoted);

bool is_wrong(const Network& n, Bytes l4) {
    return complement(sum_words(l4, pseudo_sum(n.source, n.destination, n.protocol, l4.size()))) !=
           0;
}

// Its length, or the text that it is.
std::string describe_payload(Bytes payload) {
    const bool filler =
        std::all_of(payload.begin(), payload.end(), [](auto b) { return b == 'x'; });
    const bool text = std::all_of(payload.begin(), payload.end(), [](std::uint8_t b) {
        return (b >= ' ' && b < 0x7f) || b == '\r' || b == '\n';
    });
    if (filler || !text) return fmt::format(" len={}", payload.size());
    std::string said;
    for (const std::uint8_t byte : payload)
        said += byte == '\r'   ? std::string("\\r")
                : byte == '\n' ? std::string("\\n")
                               : std::string(1, static_cast<char>(byte));
    return fmt::format(" text=\"{}\"", said);
}

std::string describe_options(Bytes options) {
    std::string text;
    for (std::size_t at = 0; at + 1 < options.size();) {
        const std::uint8_t* option = &options[at];
        const std::size_t length = option[0] < 2 ? 1 : option[1];
        if (length == 0 || at + length > options.size()) return text + " cut-option";
        if (option[0] == 2 && length == 4)
            text += fmt::format(" mss={}", load<Be16>(option + 2).host());
        if (option[0] == kUnknownOption && length == 4)
            text += fmt::format(" unknown={}", load<Be16>(option + 2).host());
        if (option[0] == 8 && length == 10)
            text += fmt::format(" ts={}", load<Be32>(option + 2).host());
        if (option[0] == 5 && length == 10)
            text += fmt::format(" sack={} sack-end={}", load<Be32>(option + 2).host(),
                                load<Be32>(option + 6).host());
        at += length;
    }
    return text;
}

std::string describe_tcp(const Network& n, Bytes tcp, bool check) {
    if (tcp.size() < kTcpMinHeader) return " cut";
    std::string flags;
    for (const auto& [letter, bit] : kFlags)
        if (tcp[13] & bit) flags += letter;
    std::string text = fmt::format(" {}", flags.empty() ? "-" : flags);
    if (const auto seq = load<Be32>(&tcp[4]).host()) text += fmt::format(" seq={}", seq);
    if (const auto ack = load<Be32>(&tcp[8]).host()) text += fmt::format(" ack={}", ack);
    const std::size_t header = static_cast<std::size_t>(tcp[12] >> 4) * 4;
    if (tcp.size() >= header && header > kTcpMinHeader)
        text += describe_options(tcp.subspan(kTcpMinHeader, header - kTcpMinHeader));
    if (tcp.size() > header) text += describe_payload(tcp.subspan(header));
    if (check && is_wrong(n, tcp)) text += " !tcp-sum";
    return text;
}

std::string describe_udp(const Network& n, Bytes udp, bool check) {
    if (udp.size() < kUdpHeader) return " cut";
    std::string text;
    if (udp.size() > kUdpHeader) text += fmt::format(" len={}", udp.size() - kUdpHeader);
    if (load<std::uint16_t>(&udp[kUdpChecksum]) == 0) return text + " nosum";
    if (check && is_wrong(n, udp)) text += " !udp-sum";
    return text;
}

std::string describe_sctp(Bytes sctp, bool check) {
    if (sctp.size() < 16) return " cut";
    std::string text = fmt::format(" {}", sctp[12]);
    if (sctp.size() > 16) text += fmt::format(" len={}", sctp.size() - 16);
    if (const auto tag = load<Be32>(&sctp[4]).host()) text += fmt::format(" tag={}", tag);
    if (check && load<std::uint32_t>(&sctp[8]) != sctp_sum(sctp)) text += " !sctp-sum";
    return text;
}

bool is_echo(const Network& n, Bytes icmp) {
    if (icmp.empty()) return false;
    return n.protocol == kIcmp4 ? icmp[0] == 0 || icmp[0] == 8 : icmp[0] == 128 || icmp[0] == 129;
}

std::string describe_icmp(const Network& n, Bytes icmp, bool check) {
    if (icmp.size() < 8) return " cut";
    std::string text = fmt::format(" {}/{}", icmp[0], icmp[1]);
    if (const auto query = load<Be16>(&icmp[4]).host()) text += fmt::format(" query={}", query);
    if (const auto mtu = load<Be16>(&icmp[6]).host()) text += fmt::format(" mtu={}", mtu);
    const bool wrong = n.protocol == kIcmp6 ? is_wrong(n, icmp) : complement(sum_words(icmp)) != 0;
    if (is_echo(n, icmp) && icmp.size() > 8) text += fmt::format(" len={}", icmp.size() - 8);
    if (check && wrong) text += " !icmp-sum";
    return text;
}

// A part of a datagram: its checksum, where it has one, can be compared and no more.
std::string describe_part(const Network& n, Bytes l4) {
    std::string text = fmt::format(" from={} to={} id={}{}", n.offset, n.offset + l4.size(), n.id,
                                   n.more ? " more" : "");
    const bool icmp = n.protocol == kIcmp4 || n.protocol == kIcmp6;
    const std::size_t at = n.protocol == kTcp    ? kTcpChecksum
                           : n.protocol == kSctp ? kSctpChecksum
                           : icmp                ? kIcmpChecksum
                                                 : kUdpChecksum;
    if (n.offset != 0 || l4.size() < at + 4) return text;
    if (icmp) text += fmt::format(" {}/{} query={}", l4[0], l4[1], load<Be16>(&l4[4]).host());
    if (n.protocol == kSctp) return text + fmt::format(" sum={:08x}", load<Be32>(&l4[at]).host());
    return text + fmt::format(" sum={:04x}", load<Be16>(&l4[at]).host());
}

std::string describe_ip(Bytes ip, bool quoted) {
    if (ip.empty()) return "cut";
    const auto network = ip[0] >> 4 == 4   ? read_ipv4(ip)
                         : ip[0] >> 4 == 6 ? read_ipv6(ip)
                                           : std::nullopt;
    if (!network) return "no ip";
    const Network& n = *network;
    if (!quoted && n.total != ip.size()) return fmt::format("length {} of {}", n.total, ip.size());
    const Bytes l4 = ip.subspan(std::min(n.header, ip.size()));
    const bool is_icmp = n.protocol == kIcmp4 || n.protocol == kIcmp6;
    const bool ports = !is_icmp && n.offset == 0 && l4.size() >= 4;
    const auto name = [&](const IpAddress& address, std::size_t port) {
        return ports ? endpoint_text(address, load<Be16>(&l4[port]).host()) : address.to_string();
    };
    const std::string kind = n.protocol == kTcp    ? "tcp"
                             : n.protocol == kUdp  ? "udp"
                             : n.protocol == kSctp ? "sctp"
                             : is_icmp             ? "icmp"
                                                   : fmt::format("proto-{}", n.protocol);
    std::string text = fmt::format("{} {} > {}", kind, name(n.source, 0), name(n.destination, 2));
    const bool check = !quoted || n.total == ip.size();
    if (n.fragment)
        text += describe_part(n, l4);
    else if (n.protocol == kTcp)
        text += describe_tcp(n, l4, check);
    else if (n.protocol == kUdp)
        text += describe_udp(n, l4, check);
    else if (n.protocol == kSctp)
        text += describe_sctp(l4, check);
    else if (is_icmp)
        text += describe_icmp(n, l4, check);
    text += n.rest;
    const bool quotes = is_icmp && !n.fragment && l4.size() > 8 && !is_echo(n, l4);
    if (quotes) text += " { " + describe_ip(l4.subspan(8), true) + " }";
    return text;
}

}  // namespace

std::string describe(std::span<const std::uint8_t> frame) {
    if (frame.size() < kEthernetHeader) return "cut";
    if (load<Be16>(&frame[12]).host() == kEtherTypeVlan && frame.size() >= kEthernetHeader + 4U) {
        std::vector<std::uint8_t> inner(frame.begin(), frame.begin() + 12);
        inner.insert(inner.end(), frame.begin() + 16, frame.end());
        return fmt::format("vlan={} {}", load<Be16>(&frame[14]).host(), describe(inner));
    }
    return describe_ip(frame.subspan(kEthernetHeader), false);
}

bool is_sound(std::span<const std::uint8_t> frame) {
    const std::string text = describe(frame);
    return text.find('!') == std::string::npos && text.find(" > ") != std::string::npos;
}

}  // namespace usher::test
