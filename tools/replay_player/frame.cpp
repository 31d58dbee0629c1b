// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/frame.hpp"

#include <algorithm>

#include "nat/checksum.hpp"

namespace usher::replay {

namespace {

constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kIcmpHeader = 8;
constexpr std::size_t kMostQuoted = 548;  // the error fits 576 bytes
constexpr std::uint8_t kTtl = 64;

std::size_t ip_header(Family family) {
    return family == Family::ipv4 ? std::size_t{ipv4::kMinHeader} : kIpv6Header;
}

void put16(std::uint8_t* at, std::size_t value) {
    store(at, Be16::from_host(static_cast<std::uint16_t>(value)));
}
void put32(std::uint8_t* at, std::uint32_t value) {
    store(at, Be32::from_host(value));
}

void append(Frame& to, const IpAddress& address) {
    const auto& bytes = address.bytes();
    to.insert(to.end(), bytes.begin(), bytes.begin() + address.bits() / 8);
}

// The sum of the pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1) and the bytes.
std::uint32_t transport_sum(const IpAddress& source, const IpAddress& destination,
                            std::uint8_t protocol, std::span<const std::uint8_t> bytes) {
    Frame pseudo;
    append(pseudo, source);
    append(pseudo, destination);
    const auto length = static_cast<std::uint16_t>(bytes.size());
    pseudo.insert(pseudo.end(), {0, protocol, static_cast<std::uint8_t>(length >> 8),
                                 static_cast<std::uint8_t>(length)});
    return sum_words(bytes, sum_words(pseudo));
}

// Ethernet and IP around `transport_length` bytes that the caller fills in.
Frame datagram(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
               std::size_t transport_length) {
    const bool is_v4 = source.is_ipv4();
    const std::size_t header = ip_header(source.family());
    Frame frame(kEthernetHeader + header + transport_length);
    put16(&frame[12], is_v4 ? kEtherTypeIpv4 : kEtherTypeIpv6);
    std::uint8_t* ip = &frame[kEthernetHeader];
    Frame addresses;
    append(addresses, source);
    append(addresses, destination);
    std::copy(addresses.begin(), addresses.end(), ip + header - addresses.size());
    if (!is_v4) {
        ip[0] = 0x60;
        put16(ip + 4, transport_length);
        ip[6] = protocol;
        ip[7] = kTtl;
        return frame;
    }
    ip[0] = 0x45;
    put16(ip + ipv4::kTotalLength, header + transport_length);
    put16(ip + ipv4::kFragment, ipv4::kDontFragment);
    ip[ipv4::kTtl] = kTtl;
    ip[ipv4::kProtocol] = protocol;
    const auto sum = static_cast<std::uint16_t>(~sum_words({ip, header}));
    store(ip + ipv4::kChecksum, sum);
    return frame;
}

struct Network {  // what an IP header says
    IpAddress source, destination;
    std::uint8_t protocol = 0;
    std::span<const std::uint8_t> transport;
};

enum class Wholeness : std::uint8_t { whole, quoted };

IpAddress address_at(const std::uint8_t* at, Family family) {
    if (family == Family::ipv4) return IpAddress(load<Be32>(at));
    return IpAddress(load<std::array<std::uint8_t, 16>>(at));
}

std::optional<Network> read_network(std::span<const std::uint8_t> ip, Wholeness wholeness) {
    if (ip.empty() || (ip[0] != 0x45 && ip[0] >> 4 != 6)) return std::nullopt;
    const Family family = ip[0] == 0x45 ? Family::ipv4 : Family::ipv6;
    const std::size_t header = ip_header(family);
    if (ip.size() < header) return std::nullopt;
    const std::size_t size = family == Family::ipv4 ? 4 : 16;
    const bool is_v4 = family == Family::ipv4;
    const std::size_t length = load<Be16>(&ip[is_v4 ? 2 : 4]).host() + (is_v4 ? 0 : header);
    if (wholeness == Wholeness::whole) {
        if (length < header || length > ip.size()) return std::nullopt;
        if (is_v4 && sum_words(ip.first(header)) != 0xffff) return std::nullopt;
        ip = ip.first(length);
    }
    Network network;
    network.source = address_at(&ip[header - 2 * size], family);
    network.destination = address_at(&ip[header - size], family);
    network.protocol = ip[is_v4 ? std::size_t{ipv4::kProtocol} : 6];
    network.transport = ip.subspan(header);
    return network;
}

std::optional<IcmpReport> read_icmp(const Network& outer) {
    const auto icmp = outer.transport;
    if (icmp.size() < kIcmpHeader) return std::nullopt;
    const bool is_v4 = outer.source.is_ipv4();
    const std::uint32_t sum =
        is_v4 ? sum_words(icmp)
              : transport_sum(outer.source, outer.destination, outer.protocol, icmp);
    if (sum != 0xffff) return std::nullopt;
    const auto quoted = read_network(icmp.subspan(kIcmpHeader), Wholeness::quoted);
    if (!quoted || quoted->transport.size() < 4) return std::nullopt;
    IcmpReport report;
    report.type = icmp[0];
    report.code = icmp[1];
    report.info = load<Be32>(&icmp[4]).host();
    report.family = outer.source.family();
    report.source = {quoted->source, load<Be16>(&quoted->transport[0]).host()};
    report.destination = {quoted->destination, load<Be16>(&quoted->transport[2]).host()};
    return report;
}

Frame port_unreachable(const Frame& frame, const Segment& segment) {
    const bool is_v4 = segment.source.address.is_ipv4();
    const std::size_t quoted = std::min(frame.size() - kEthernetHeader, kMostQuoted);
    const auto protocol = static_cast<std::uint8_t>(is_v4 ? Protocol::icmp : Protocol::icmpv6);
    const IpAddress& from = segment.destination.address;
    const IpAddress& to = segment.source.address;
    Frame answer = datagram(from, to, protocol, kIcmpHeader + quoted);
    std::uint8_t* icmp = &answer[answer.size() - kIcmpHeader - quoted];
    icmp[0] = is_v4 ? 3 : 1;  // RFC 792, RFC 4443 section 3.1
    icmp[1] = is_v4 ? 3 : 4;
    std::copy_n(&frame[kEthernetHeader], quoted, icmp + kIcmpHeader);
    const std::span<const std::uint8_t> bytes(icmp, kIcmpHeader + quoted);
    const std::uint32_t sum = is_v4 ? sum_words(bytes) : transport_sum(from, to, protocol, bytes);
    store(icmp + 2, static_cast<std::uint16_t>(~sum));
    return answer;
}

}  // namespace

Frame encode(const Segment& segment) {
    const bool is_tcp = segment.protocol == Protocol::tcp;
    const std::size_t header = is_tcp ? kTcpMinHeader : kUdpHeader;
    const IpAddress& from = segment.source.address;
    const IpAddress& to = segment.destination.address;
    const auto protocol = static_cast<std::uint8_t>(segment.protocol);
    Frame frame = datagram(from, to, protocol, header + segment.length);
    std::uint8_t* l4 = &frame[frame.size() - header - segment.length];
    put16(l4, segment.source.port);
    put16(l4 + 2, segment.destination.port);
    if (is_tcp) {
        put32(l4 + 4, segment.sequence);
        put32(l4 + 8, segment.acknowledged);
        l4[12] = kTcpMinHeader / 4 << 4;
        l4[13] = segment.flags;
        put16(l4 + 14, 0xffff);  // the window
    } else {
        put16(l4 + 4, header + segment.length);
    }
    std::fill_n(l4 + header, segment.length, std::uint8_t{'x'});
    auto sum = static_cast<std::uint16_t>(
        ~transport_sum(from, to, protocol, {l4, header + segment.length}));
    if (!is_tcp && sum == 0) sum = 0xffff;  // 0 would mean none (RFC 768)
    store(l4 + (is_tcp ? kTcpChecksum : kUdpChecksum), sum);
    return frame;
}

std::optional<Segment> decode(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < kEthernetHeader) return std::nullopt;
    const auto network = read_network(bytes.subspan(kEthernetHeader), Wholeness::whole);
    if (!network) return std::nullopt;
    Segment segment;
    segment.protocol = static_cast<Protocol>(network->protocol);
    segment.source.address = network->source;
    segment.destination.address = network->destination;
    if (segment.protocol == Protocol::icmp || segment.protocol == Protocol::icmpv6) {
        segment.icmp = read_icmp(*network);
        return segment.icmp ? std::optional(segment) : std::nullopt;
    }
    const bool is_tcp = segment.protocol == Protocol::tcp;
    const std::size_t header = is_tcp ? kTcpMinHeader : kUdpHeader;
    const auto l4 = network->transport;
    if ((!is_tcp && segment.protocol != Protocol::udp) || l4.size() < header) return std::nullopt;
    if (transport_sum(network->source, network->destination, network->protocol, l4) != 0xffff)
        return std::nullopt;
    segment.source.port = load<Be16>(&l4[0]).host();
    segment.destination.port = load<Be16>(&l4[2]).host();
    segment.length = static_cast<std::uint16_t>(l4.size() - header);
    if (!is_tcp) return segment;
    segment.sequence = load<Be32>(&l4[4]).host();
    segment.acknowledged = load<Be32>(&l4[8]).host();
    segment.flags = l4[13];
    return segment;
}

// RFC 9293 section 3.10.7.1.
Segment reset_for(const Segment& segment) {
    Segment reset;
    reset.source = segment.destination;
    reset.destination = segment.source;
    reset.flags = kRst;
    if (segment.has(kAck)) {
        reset.sequence = segment.acknowledged;
    } else {
        reset.flags |= kAck;
        reset.acknowledged = segment.sequence + segment.sequence_length();
    }
    return reset;
}

std::optional<Frame> closed_port_answer(const Frame& frame, const Segment& segment) {
    if (segment.protocol == Protocol::udp) return port_unreachable(frame, segment);
    if (segment.protocol != Protocol::tcp || segment.has(kRst)) return std::nullopt;
    return encode(reset_for(segment));
}

}  // namespace usher::replay
