// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packets/packet_text.hpp"

#include <charconv>
#include <map>
#include <sstream>

#include "nat/headers.hpp"
#include "tests/packets/packet_sums.hpp"

namespace usher::test {

namespace {

struct Endpoint {
    IpAddress address;
    Be16 port;
};

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// "10.0.0.1:80", "10.0.0.1", "[2001:db8::1]:80", "2001:db8::1".
std::optional<Endpoint> endpoint(const std::string& text) {
    const bool bracket = text.starts_with('[');
    const std::size_t end = bracket                             ? text.find("]:")
                            : text.find(':') == text.rfind(':') ? text.find(':')
                                                                : std::string::npos;
    const auto address = IpAddress::parse(text.substr(bracket, end - bracket));
    const auto port = end == std::string::npos ? 0 : number(text.substr(end + 1 + bracket));
    if (!address || !port) return std::nullopt;
    return Endpoint{*address, Be16::from_host(static_cast<std::uint16_t>(*port))};
}

struct Fields {
    std::map<std::string, std::uint32_t> numbers;
    std::string text;  // the payload, when not empty
    bool has(const std::string& name) const { return numbers.contains(name); }
    std::uint32_t get(const std::string& name, std::uint32_t otherwise) const {
        const auto found = numbers.find(name);
        return found == numbers.end() ? otherwise : found->second;
    }
    std::uint16_t get16(const std::string& name, std::uint16_t otherwise = 0) const {
        return static_cast<std::uint16_t>(get(name, otherwise));
    }
};

// What is said of the part of a datagram that a fragment carries.
struct Part {
    std::size_t begin, end;
    bool more;
};

Part part_of(const Fields& fields, std::size_t size) {
    const std::size_t end = std::min<std::size_t>(fields.get("to", 0xffff), size);
    const std::size_t begin = std::min<std::size_t>(fields.get("from", 0), end);
    return {begin, end, end < size};
}

// By bytes: gcc 12 sees a copy beyond the end in insert().
void append(Frame& frame, const Frame& payload, const Part& part) {
    for (std::size_t i = part.begin; i < part.end; ++i)
        frame.push_back(payload[i]);
}

Frame ipv4_datagram(std::uint8_t protocol, const Endpoint& from, const Endpoint& to,
                    const Fields& fields, const Frame& payload) {
    const Part part = part_of(fields, payload.size());
    const std::size_t header = ipv4::kMinHeader + (fields.has("options") ? kIpv4Options.size() : 0);
    Frame ip(header);
    if (header > ipv4::kMinHeader)
        std::copy(kIpv4Options.begin(), kIpv4Options.end(), &ip[ipv4::kMinHeader]);
    append(ip, payload, part);
    ip[0] = static_cast<std::uint8_t>(0x40 | header / 4);
    ip[1] = static_cast<std::uint8_t>(fields.get("tos", 0));
    store(&ip[ipv4::kTotalLength], Be16::from_host(static_cast<std::uint16_t>(ip.size())));
    store(&ip[ipv4::kId], Be16::from_host(fields.get16("id")));
    const std::size_t fragment = fields.get("frag", 0) | part.begin / 8 |
                                 (part.more || fields.has("mf") ? 0x2000U : 0) |
                                 (fields.has("df") ? ipv4::kDontFragment : 0U);
    store(&ip[ipv4::kFragment], Be16::from_host(static_cast<std::uint16_t>(fragment)));
    ip[ipv4::kTtl] = static_cast<std::uint8_t>(fields.get("ttl", 64));
    ip[ipv4::kProtocol] = protocol;
    store(&ip[ipv4::kSource], from.address.v4());
    store(&ip[ipv4::kDestination], to.address.v4());
    const std::uint16_t spoilt = fields.has("badheader") ? 1 : 0;
    store<std::uint16_t>(&ip[ipv4::kChecksum], complement(sum_words({ip.data(), header})) ^ spoilt);
    return ip;
}

constexpr std::uint8_t kHopByHop = 0, kFragmentHeader = 44;

Frame ipv6_datagram(std::uint8_t protocol, const Endpoint& from, const Endpoint& to,
                    const Fields& fields, const Frame& payload) {
    const Part part = part_of(fields, payload.size());
    Frame ip(ipv6::kHeader);
    std::size_t next_at = ipv6::kNextHeader;
    const auto extension = [&](std::uint8_t kind, const Frame& header) {
        ip[next_at] = kind;
        next_at = ip.size();
        append(ip, header, {0, header.size(), false});
    };
    if (fields.has("options")) extension(kHopByHop, {0, 0, 1, 4, 0, 0, 0, 0});  // PadN
    if (fields.has("from") || fields.has("to")) {
        Frame header(8);
        const auto offset = static_cast<std::uint16_t>(part.begin | (part.more ? 1U : 0U));
        store(&header[2], Be16::from_host(offset));
        store(&header[4], Be32::from_host(fields.get("id", 0)));
        extension(kFragmentHeader, header);
    }
    ip[next_at] = protocol;
    append(ip, payload, part);
    ip[0] = 0x60;
    const auto length = static_cast<std::uint16_t>(ip.size() - ipv6::kHeader);
    store(&ip[ipv6::kPayloadLength], Be16::from_host(length));
    ip[ipv6::kHopLimit] = static_cast<std::uint8_t>(fields.get("ttl", 64));
    store(&ip[ipv6::kSource], from.address.bytes());
    store(&ip[ipv6::kDestination], to.address.bytes());
    return ip;
}

Frame datagram(std::uint8_t protocol, const Endpoint& from, const Endpoint& to,
               const Fields& fields, const Frame& payload) {
    return from.address.is_ipv4() ? ipv4_datagram(protocol, from, to, fields, payload)
                                  : ipv6_datagram(protocol, from, to, fields, payload);
}

Frame tcp_segment(const Endpoint& from, const Endpoint& to, const std::string& flags,
                  const Fields& fields) {
    const std::size_t header = kTcpMinHeader + (fields.has("mss") ? 4U : 0U) +
                               (fields.has("unknown") ? 4U : 0U) + (fields.has("ts") ? 12U : 0U) +
                               (fields.has("sack") ? 12U : 0U);
    Frame tcp(header + std::max<std::size_t>(fields.get("len", 0), fields.text.size()), 'x');
    std::fill_n(tcp.begin(), header, std::uint8_t{0});
    std::copy(fields.text.begin(), fields.text.end(),
              tcp.begin() + static_cast<std::ptrdiff_t>(header));
    store(&tcp[0], from.port);
    store(&tcp[2], to.port);
    store(&tcp[4], Be32::from_host(fields.get("seq", 0)));
    store(&tcp[8], Be32::from_host(fields.get("ack", 0)));
    tcp[12] = static_cast<std::uint8_t>(header / 4 << 4);
    std::uint8_t* option = tcp.data() + kTcpMinHeader;
    if (fields.has("mss")) {
        option[0] = 2;
        option[1] = 4;
        store(option + 2, Be16::from_host(fields.get16("mss")));
        option += 4;
    }
    if (fields.has("unknown")) {
        option[0] = kUnknownOption;
        option[1] = 4;
        store(option + 2, Be16::from_host(fields.get16("unknown")));
        option += 4;
    }
    if (fields.has("ts")) {  // two NOPs, the time and nobody's
        store(option, Be32::from_host(0x0101080a));
        store(option + 4, Be32::from_host(fields.get("ts", 0)));
        option += 12;
    }
    if (fields.has("sack")) {  // two NOPs and a block
        store(option, Be32::from_host(0x0101050a));
        store(option + 4, Be32::from_host(fields.get("sack", 0)));
        store(option + 8, Be32::from_host(fields.get("sack-end", 0)));
    }
    for (const auto& [letter, bit] : kFlags)
        if (flags.find(letter) != std::string::npos) tcp[13] |= bit;
    const std::uint32_t pseudo = pseudo_sum(from.address, to.address, kTcp, tcp.size());
    const std::uint16_t spoilt = fields.has("badsum") ? 1 : 0;
    store<std::uint16_t>(&tcp[kTcpChecksum], complement(sum_words(tcp, pseudo)) ^ spoilt);
    return tcp;
}

Frame udp_datagram(const Endpoint& from, const Endpoint& to, const Fields& fields) {
    Frame udp(kUdpHeader + fields.get("len", 0), 'x');
    std::fill_n(udp.begin(), kUdpHeader, std::uint8_t{0});
    store(&udp[0], from.port);
    store(&udp[2], to.port);
    store(&udp[4], Be16::from_host(static_cast<std::uint16_t>(udp.size())));
    if (fields.has("nosum")) return udp;
    const std::uint32_t pseudo = pseudo_sum(from.address, to.address, kUdp, udp.size());
    const std::uint16_t sum = complement(sum_words(udp, pseudo));
    store<std::uint16_t>(&udp[kUdpChecksum], sum == 0 ? 0xffff : sum);
    return udp;
}

// One chunk of this type, its value 'x'.
std::optional<Frame> sctp_packet(const Endpoint& from, const Endpoint& to, const std::string& chunk,
                                 const Fields& fields) {
    constexpr std::size_t kHeaders = 16;
    const auto type = number(chunk);
    if (!type) return std::nullopt;
    Frame sctp(kHeaders + fields.get("len", 0), 'x');
    std::fill_n(sctp.begin(), kHeaders, std::uint8_t{0});
    store(&sctp[0], from.port);
    store(&sctp[2], to.port);
    store(&sctp[4], Be32::from_host(fields.get("tag", 0)));
    sctp[12] = static_cast<std::uint8_t>(*type);
    store(&sctp[14], Be16::from_host(static_cast<std::uint16_t>(sctp.size() - 12)));
    store(&sctp[8], sctp_sum(sctp) ^ (fields.has("badsum") ? 1U : 0U));
    return sctp;
}

std::optional<Frame> ip_of(std::istringstream& words);

// What stands between quotation marks, of which the first is read; \r, \n and \x0d as in C.
std::string quoted_text(std::string text, std::istringstream& words) {
    if (!text.ends_with('"')) {
        std::string rest;
        std::getline(words, rest, '"');
        text += rest;
    } else {
        text.pop_back();
    }
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text.compare(i, 2, "\\x") == 0 && i + 3 < text.size()) {
            std::uint8_t byte = 0;
            std::from_chars(&text[i + 2], &text[i + 4], byte, 16);
            plain += static_cast<char>(byte);
            i += 3;
            continue;
        }
        const bool escape = text[i] == '\\' && i + 1 < text.size();
        plain += !escape ? text[i] : text[++i] == 'r' ? '\r' : '\n';
    }
    return plain;
}

std::optional<Frame> icmp_message(const std::string& kind, const Endpoint& from, const Endpoint& to,
                                  const Fields& fields, std::istringstream& words) {
    Frame icmp(8 + fields.get("len", 0), 'x');
    std::fill_n(icmp.begin(), 8, std::uint8_t{0});
    const std::size_t slash = kind.find('/');
    const auto type = number(kind.substr(0, slash));
    const auto code = slash == std::string::npos ? 0 : number(kind.substr(slash + 1));
    if (!type || !code) return std::nullopt;
    icmp[0] = static_cast<std::uint8_t>(*type);
    icmp[1] = static_cast<std::uint8_t>(*code);
    const bool v4 = from.address.is_ipv4();
    store(&icmp[4], Be16::from_host(fields.get16("query")));
    store(&icmp[6], Be16::from_host(fields.get16("mtu")));  // IPv6's low half, too
    if (const auto inner = ip_of(words)) icmp.insert(icmp.end(), inner->begin(), inner->end());
    const std::size_t most = fields.get("cut", v4 ? 556 : 1240);  // what Linux quotes
    if (!fields.has("len") && icmp.size() > most) icmp.resize(most);
    const std::uint32_t pseudo = v4 ? 0 : pseudo_sum(from.address, to.address, kIcmp6, icmp.size());
    const std::uint16_t spoilt = fields.has("badsum") ? 1 : 0;
    store<std::uint16_t>(&icmp[2], complement(sum_words(icmp, pseudo)) ^ spoilt);
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
        if (word.starts_with("text=\"")) {
            fields.text = quoted_text(word.substr(6), words);
            continue;
        }
        const std::size_t equals = word.find('=');
        const auto value = equals == std::string::npos ? 1 : number(word.substr(equals + 1));
        if (!value) return std::nullopt;
        fields.numbers[word.substr(0, equals)] = *value;
    }
    if (kind == "tcp")
        return datagram(kTcp, *from, *to, fields, tcp_segment(*from, *to, flags, fields));
    if (kind == "udp") return datagram(kUdp, *from, *to, fields, udp_datagram(*from, *to, fields));
    if (kind == "sctp") {
        const auto packet = sctp_packet(*from, *to, flags, fields);
        if (!packet) return std::nullopt;
        return datagram(kSctp, *from, *to, fields, *packet);
    }
    if (kind != "icmp") return std::nullopt;
    const auto message = icmp_message(flags, *from, *to, fields, words);
    if (!message) return std::nullopt;
    return datagram(from->address.is_ipv4() ? kIcmp4 : kIcmp6, *from, *to, fields, *message);
}

Frame tagged(const Frame& frame, std::uint16_t id) {
    Frame longer(frame.size() + 4);
    std::copy(frame.begin(), frame.begin() + 12, longer.begin());
    store(&longer[12], Be16::from_host(kEtherTypeVlan));
    store(&longer[14], Be16::from_host(id));
    std::copy(frame.begin() + 12, frame.end(), longer.begin() + 16);
    return longer;
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

}  // namespace

std::optional<Frame> frame_of(std::string_view text) {
    if (text.starts_with("hex ")) return frame_of_hex(text.substr(4));
    constexpr std::string_view kVlan = "vlan=";
    if (text.starts_with(kVlan)) {
        const std::size_t space = std::min(text.find(' '), text.size());
        const auto id = number(text.substr(kVlan.size(), space - kVlan.size()));
        const auto frame = frame_of(text.substr(std::min(space + 1, text.size())));
        if (!id || !frame) return std::nullopt;
        return tagged(*frame, static_cast<std::uint16_t>(*id));
    }
    std::istringstream words{std::string(text)};
    const auto ip = ip_of(words);
    if (!ip) return std::nullopt;
    Frame frame(kEthernetHeader + ip->size());
    store(&frame[12], Be16::from_host((*ip)[0] >> 4 == 4 ? kEtherTypeIpv4 : kEtherTypeIpv6));
    std::copy(ip->begin(), ip->end(), frame.begin() + kEthernetHeader);
    return frame;
}

}  // namespace usher::test
