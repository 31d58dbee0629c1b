// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packets/packet_text.hpp"

#include <fmt/core.h>

#include <charconv>
#include <map>
#include <sstream>

#include "nat/checksum.hpp"
#include "nat/headers.hpp"

namespace usher::test {

namespace {

using Bytes = std::span<const std::uint8_t>;

struct Endpoint {
    Be32 address;
    Be16 port;
};

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<Endpoint> endpoint(const std::string& text) {
    const std::size_t colon = text.find(':');
    const auto address = IpAddress::parse(text.substr(0, colon));
    const auto port = colon == std::string::npos ? 0 : number(text.substr(colon + 1));
    if (!address || !port) return std::nullopt;
    return Endpoint{address->v4(), Be16::from_host(static_cast<std::uint16_t>(*port))};
}

struct Fields {
    std::map<std::string, std::uint32_t> numbers;
    bool has(const std::string& name) const { return numbers.contains(name); }
    std::uint32_t get(const std::string& name, std::uint32_t otherwise) const {
        const auto found = numbers.find(name);
        return found == numbers.end() ? otherwise : found->second;
    }
};

constexpr std::pair<char, std::uint8_t> kFlags[] = {
    {'S', kSyn}, {'F', kFin}, {'R', kRst}, {'P', 0x08}, {'A', kAck}};

std::uint16_t complement(std::uint32_t sum) {
    return static_cast<std::uint16_t>(~sum);
}

std::uint32_t pseudo_sum(Be32 source, Be32 destination, std::uint8_t protocol, std::size_t length) {
    struct {
        Be32 source, destination;
        Be16 protocol, length;
    } const header{source, destination, Be16::from_host(protocol),
                   Be16::from_host(static_cast<std::uint16_t>(length))};
    return words_of(header);
}

Frame datagram(std::uint8_t protocol, const Endpoint& from, const Endpoint& to,
               const Fields& fields, const Frame& payload) {
    Frame ip(ipv4::kMinHeader + payload.size());
    std::copy(payload.begin(), payload.end(), ip.begin() + ipv4::kMinHeader);
    ip[0] = 0x45;
    ip[1] = static_cast<std::uint8_t>(fields.get("tos", 0));
    const auto total = static_cast<std::uint16_t>(ip.size());
    store(&ip[ipv4::kTotalLength], Be16::from_host(total));
    store(&ip[ipv4::kId], Be16::from_host(static_cast<std::uint16_t>(fields.get("id", 0))));
    const std::uint32_t fragment = fields.get("frag", 0) | (fields.has("mf") ? 0x2000 : 0) |
                                   (fields.has("df") ? ipv4::kDontFragment : 0);
    store(&ip[ipv4::kFragment], Be16::from_host(static_cast<std::uint16_t>(fragment)));
    ip[ipv4::kTtl] = static_cast<std::uint8_t>(fields.get("ttl", 64));
    ip[ipv4::kProtocol] = protocol;
    store(&ip[ipv4::kSource], from.address);
    store(&ip[ipv4::kDestination], to.address);
    store(&ip[ipv4::kChecksum], complement(sum_words({ip.data(), ipv4::kMinHeader})));
    return ip;
}

Frame tcp_segment(const Endpoint& from, const Endpoint& to, const std::string& flags,
                  const Fields& fields) {
    Frame tcp(kTcpMinHeader + fields.get("len", 0), 'x');
    std::fill_n(tcp.begin(), kTcpMinHeader, std::uint8_t{0});
    store(&tcp[0], from.port);
    store(&tcp[2], to.port);
    store(&tcp[4], Be32::from_host(fields.get("seq", 0)));
    store(&tcp[8], Be32::from_host(fields.get("ack", 0)));
    tcp[12] = 0x50;
    for (const auto& [letter, bit] : kFlags)
        if (flags.find(letter) != std::string::npos) tcp[13] |= bit;
    const std::uint32_t pseudo = pseudo_sum(from.address, to.address, 6, tcp.size());
    store(&tcp[kTcpChecksum], complement(sum_words(tcp, pseudo)));
    return tcp;
}

Frame udp_datagram(const Endpoint& from, const Endpoint& to, const Fields& fields) {
    Frame udp(kUdpHeader + fields.get("len", 0), 'x');
    std::fill_n(udp.begin(), kUdpHeader, std::uint8_t{0});
    store(&udp[0], from.port);
    store(&udp[2], to.port);
    store(&udp[4], Be16::from_host(static_cast<std::uint16_t>(udp.size())));
    if (fields.has("nosum")) return udp;
    const std::uint32_t pseudo = pseudo_sum(from.address, to.address, 17, udp.size());
    const std::uint16_t sum = complement(sum_words(udp, pseudo));
    store<std::uint16_t>(&udp[kUdpChecksum], sum == 0 ? 0xffff : sum);
    return udp;
}

std::optional<Frame> ip_of(std::istringstream& words);

std::optional<Frame> icmp_message(const std::string& kind, const Fields& fields,
                                  std::istringstream& words) {
    Frame icmp(8);
    const std::size_t slash = kind.find('/');
    const auto type = number(kind.substr(0, slash));
    const auto code = slash == std::string::npos ? 0 : number(kind.substr(slash + 1));
    if (!type || !code) return std::nullopt;
    icmp[0] = static_cast<std::uint8_t>(*type);
    icmp[1] = static_cast<std::uint8_t>(*code);
    store(&icmp[6], Be16::from_host(static_cast<std::uint16_t>(fields.get("mtu", 0))));
    if (const auto inner = ip_of(words)) icmp.insert(icmp.end(), inner->begin(), inner->end());
    if (icmp.size() > 556) icmp.resize(556);  // 576 with the IP header
    store(&icmp[2], complement(sum_words(icmp)));
    return icmp;
}

std::optional<Frame> ip_of(std::istringstream& words) {
    std::string kind, source, arrow, destination, flags;
    if (!(words >> kind >> source >> arrow >> destination)) return std::nullopt;
    const auto from = endpoint(source);
    const auto to = endpoint(destination);
    if (!from || !to || arrow != ">") return std::nullopt;
    if (kind != "udp" && !(words >> flags)) return std::nullopt;

    Fields fields;
    for (std::string word; words >> word && word != "{" && word != "}";) {
        const std::size_t equals = word.find('=');
        const auto value = equals == std::string::npos ? 1 : number(word.substr(equals + 1));
        if (!value) return std::nullopt;
        fields.numbers[word.substr(0, equals)] = *value;
    }
    if (kind == "tcp")
        return datagram(6, *from, *to, fields, tcp_segment(*from, *to, flags, fields));
    if (kind == "udp") return datagram(17, *from, *to, fields, udp_datagram(*from, *to, fields));
    if (kind != "icmp") return std::nullopt;
    const auto message = icmp_message(flags, fields, words);
    if (!message) return std::nullopt;
    return datagram(1, *from, *to, fields, *message);
}

std::optional<Frame> frame_of_hex(std::string_view digits) {
    Frame frame;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
        std::uint8_t byte = 0;
        const char* first = digits.data() + i;
        if (std::from_chars(first, first + 2, byte, 16).ptr != first + 2) return std::nullopt;
        frame.push_back(byte);
    }
    return frame;
}

// --- and back

std::string describe_ip(Bytes ip, bool quoted);

std::string describe_tcp(Bytes ip, Bytes tcp, bool quoted) {
    if (tcp.size() < kTcpMinHeader) return " cut";
    std::string flags;
    for (const auto& [letter, bit] : kFlags)
        if (tcp[13] & bit) flags += letter;
    std::string text = fmt::format(" {}", flags.empty() ? "-" : flags);
    if (const auto seq = load<Be32>(&tcp[4]).host()) text += fmt::format(" seq={}", seq);
    if (const auto ack = load<Be32>(&tcp[8]).host()) text += fmt::format(" ack={}", ack);
    const std::size_t header = static_cast<std::size_t>(tcp[12] >> 4) * 4;
    if (tcp.size() > header) text += fmt::format(" len={}", tcp.size() - header);
    const std::uint32_t pseudo = pseudo_sum(load<Be32>(&ip[ipv4::kSource]),
                                            load<Be32>(&ip[ipv4::kDestination]), 6, tcp.size());
    const bool whole = load<Be16>(&ip[ipv4::kTotalLength]).host() == ip.size();
    if ((whole || !quoted) && complement(sum_words(tcp, pseudo)) != 0) text += " !tcp-sum";
    return text;
}

std::string describe_udp(Bytes ip, Bytes udp, bool quoted) {
    if (udp.size() < kUdpHeader) return " cut";
    std::string text;
    if (udp.size() > kUdpHeader) text += fmt::format(" len={}", udp.size() - kUdpHeader);
    if (load<std::uint16_t>(&udp[kUdpChecksum]) == 0) return text + " nosum";
    const std::uint32_t pseudo = pseudo_sum(load<Be32>(&ip[ipv4::kSource]),
                                            load<Be32>(&ip[ipv4::kDestination]), 17, udp.size());
    const bool whole = load<Be16>(&ip[ipv4::kTotalLength]).host() == ip.size();
    if ((whole || !quoted) && complement(sum_words(udp, pseudo)) != 0) text += " !udp-sum";
    return text;
}

std::string describe_icmp(Bytes icmp) {
    if (icmp.size() < 8) return " cut";
    std::string text = fmt::format(" {}/{}", icmp[0], icmp[1]);
    if (const auto mtu = load<Be16>(&icmp[6]).host()) text += fmt::format(" mtu={}", mtu);
    if (complement(sum_words(icmp)) != 0) text += " !icmp-sum";
    return text;
}

std::string describe_ip(Bytes ip, bool quoted) {
    if (ip.size() < ipv4::kMinHeader) return "cut";
    const std::size_t header = (ip[0] & 0x0fU) * 4;
    const std::size_t total = load<Be16>(&ip[ipv4::kTotalLength]).host();
    if (ip[0] >> 4 != 4 || header < ipv4::kMinHeader || header > ip.size()) return "no ipv4";
    if (!quoted && total != ip.size()) return fmt::format("length {} of {}", total, ip.size());
    const Bytes l4 = ip.subspan(header);
    const std::uint8_t protocol = ip[ipv4::kProtocol];
    const bool ports = (protocol == 6 || protocol == 17) && l4.size() >= 4;
    const auto name = [&](int address, std::size_t port) {
        const std::string host = IpAddress(load<Be32>(&ip[address])).to_string();
        return ports ? fmt::format("{}:{}", host, load<Be16>(&l4[port]).host()) : host;
    };
    const std::string kind = protocol == 6    ? "tcp"
                             : protocol == 17 ? "udp"
                             : protocol == 1  ? "icmp"
                                              : fmt::format("proto-{}", protocol);
    std::string text =
        fmt::format("{} {} > {}", kind, name(ipv4::kSource, 0), name(ipv4::kDestination, 2));
    if (protocol == 6) text += describe_tcp(ip, l4, quoted);
    if (protocol == 17) text += describe_udp(ip, l4, quoted);
    if (protocol == 1) text += describe_icmp(l4);
    if (ip[1] != 0) text += fmt::format(" tos={}", ip[1]);
    if (ip[ipv4::kTtl] != 64) text += fmt::format(" ttl={}", ip[ipv4::kTtl]);
    if (load<Be16>(&ip[ipv4::kFragment]).host() & ipv4::kDontFragment) text += " df";
    if (complement(sum_words(ip.first(header))) != 0) text += " !ip-sum";
    if (protocol == 1 && l4.size() > 8) text += " { " + describe_ip(l4.subspan(8), true) + " }";
    return text;
}

}  // namespace

std::optional<Frame> frame_of(std::string_view text) {
    if (text.starts_with("hex ")) return frame_of_hex(text.substr(4));
    std::istringstream words{std::string(text)};
    const auto ip = ip_of(words);
    if (!ip) return std::nullopt;
    Frame frame(kEthernetHeader + ip->size());
    store(&frame[12], Be16::from_host(kEtherTypeIpv4));
    std::copy(ip->begin(), ip->end(), frame.begin() + kEthernetHeader);
    return frame;
}

std::string describe(std::span<const std::uint8_t> frame) {
    if (frame.size() < kEthernetHeader) return "cut";
    return describe_ip(frame.subspan(kEthernetHeader), false);
}

bool is_sound(std::span<const std::uint8_t> frame) {
    const std::string text = describe(frame);
    return text.find('!') == std::string::npos && text.find(" > ") != std::string::npos;
}

}  // namespace usher::test
