// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/worker_packet.hpp"

#include <algorithm>

#include "tests/packets/packet_sums.hpp"

namespace usher::fuzz {

using test::complement;
using test::pseudo_sum;

namespace {

constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragmentHeader = 44, kDestinationOptions = 60;

void put16(std::uint8_t* at, std::size_t value) {
    store(at, Be16::from_host(static_cast<std::uint16_t>(value)));
}

std::uint32_t crc32c_bit_by_bit(Bytes bytes) {
    std::uint32_t crc = ~0U;
    for (const std::uint8_t byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0U);
    }
    return ~crc;
}

Frame ipv4_header(const Packet& packet) {
    const std::size_t words = packet.extras == Extras::none || packet.extras == Extras::whole ? 0
                              : packet.extras == Extras::many                                 ? 10
                                                                                              : 2;
    Frame ip(20 + words * 4, 1);  // options: no operation
    ip[0] = static_cast<std::uint8_t>(0x45 + words);
    ip[1] = packet.tos;
    put16(&ip[4], packet.id);
    ip[8] = packet.ttl;
    ip[9] = packet.protocol;
    store(&ip[12], packet.from.address.v4());
    store(&ip[16], packet.to.address.v4());
    return ip;
}

// The chain of extension headers, and the first header's number in front of it.
Frame ipv6_chain(const Packet& packet, bool with_fragment, std::size_t field) {
    std::vector<std::pair<std::uint8_t, std::size_t>> chain;  // header, length
    if (packet.extras == Extras::options || packet.extras == Extras::many)
        chain.emplace_back(kHopByHop, packet.extras == Extras::many ? 96 : 8);
    if (packet.extras == Extras::destination) chain.emplace_back(kRouting, 24);
    if (with_fragment || packet.extras == Extras::whole) chain.emplace_back(kFragmentHeader, 8);
    if (packet.extras == Extras::destination || packet.extras == Extras::many)
        chain.emplace_back(kDestinationOptions, packet.extras == Extras::many ? 96 : 16);
    Frame bytes(1, packet.protocol);
    if (!chain.empty()) bytes[0] = chain[0].first;
    for (std::size_t i = 0; i < chain.size(); ++i) {
        Frame header(chain[i].second);
        header[0] = i + 1 < chain.size() ? chain[i + 1].first : packet.protocol;
        if (chain[i].first == kFragmentHeader) {
            put16(&header[2], field);
            put16(&header[6], packet.id);
        } else {
            header[1] = static_cast<std::uint8_t>(chain[i].second / 8 - 1);
            if (chain[i].first != kRouting) {  // PadN over all of it
                header[2] = 1;
                header[3] = static_cast<std::uint8_t>(header.size() - 4);
            }
        }
        bytes.insert(bytes.end(), header.begin(), header.end());
    }
    return bytes;
}

// `field`: of IPv4, flags and offset; of IPv6, those of the fragment header, if there is one.
Frame framed(const Packet& packet, Bytes part, bool is_part, std::size_t begin, bool more) {
    Frame frame(14, 0);
    frame[0] = frame[6] = 2;
    const bool v4 = packet.from.address.is_ipv4();
    put16(&frame[12], v4 ? kEtherTypeIpv4 : kEtherTypeIpv6);
    if (v4) {
        Frame ip = ipv4_header(packet);
        put16(&ip[2], ip.size() + part.size());
        put16(&ip[6],
              begin / 8 | (more ? 0x2000U : 0U) | (packet.must_not_fragment ? 0x4000U : 0U));
        put16(&ip[10], 0);
        store(&ip[10], complement(sum_words(ip)));
        frame.insert(frame.end(), ip.begin(), ip.end());
    } else {
        const Frame chain = ipv6_chain(packet, is_part, begin | (more ? 1U : 0U));
        Frame ip(40);
        ip[0] = static_cast<std::uint8_t>(0x60 | packet.tos >> 4);
        put16(&ip[4], chain.size() - 1 + part.size());
        ip[6] = chain[0];
        ip[7] = packet.ttl;
        store(&ip[8], packet.from.address.bytes());
        store(&ip[24], packet.to.address.bytes());
        frame.insert(frame.end(), ip.begin(), ip.end());
        frame.insert(frame.end(), chain.begin() + 1, chain.end());
    }
    frame.insert(frame.end(), part.begin(), part.end());
    return frame;
}

std::size_t checksum_offset(std::uint8_t protocol) {
    return protocol == kNumberTcp ? 16 : protocol == kNumberUdp ? 6 : 2;
}

}  // namespace

std::uint16_t port_at(Bytes bytes, std::size_t at) {
    return load<Be16>(bytes.data() + at).host();
}

Frame transport_of(const Packet& packet) {
    const bool tcp = packet.protocol == kNumberTcp;
    const bool sctp = packet.protocol == kNumberSctp;
    const std::size_t header = tcp ? 20 + packet.options.size() : sctp ? 16 : 8;
    Frame l4(header);
    l4.insert(l4.end(), packet.payload.begin(), packet.payload.end());
    if (tcp || sctp || packet.protocol == kNumberUdp) {
        put16(&l4[0], packet.from.port);
        put16(&l4[2], packet.to.port);
    }
    if (sctp) {
        store(&l4[4], packet.sequence);  // the tag
        l4[12] = packet.flags;           // the first chunk
        put16(&l4[14], l4.size() - 12);
        while (l4.size() % 4 != 0)
            l4.push_back(0);
        store(&l4[8], crc32c_bit_by_bit(l4) ^ (packet.bad_sum ? 0x10000U : 0U));
        return l4;
    }
    if (tcp) {
        store(&l4[4], Be32::from_host(packet.sequence));
        store(&l4[8], Be32::from_host(packet.acknowledged));
        l4[12] = static_cast<std::uint8_t>(header / 4 << 4);
        l4[13] = packet.flags;
        put16(&l4[14], 0x2000);
        std::copy(packet.options.begin(), packet.options.end(), l4.begin() + 20);
    } else if (packet.protocol == kNumberUdp) {
        put16(&l4[4], l4.size());
    } else {
        l4[0] = packet.flags;
        l4[1] = packet.code;
        store(&l4[4], Be32::from_host(packet.sequence));
    }
    if (packet.protocol == kNumberUdp && packet.no_sum) return l4;
    const std::uint32_t pseudo =
        packet.protocol == kNumberIcmp
            ? 0
            : pseudo_sum(packet.from.address, packet.to.address, packet.protocol, l4.size());
    std::uint16_t sum = complement(sum_words(l4, pseudo));
    if (packet.bad_sum) sum ^= 0x0101;
    if (packet.protocol == kNumberUdp && sum == 0) sum = 0xffff;
    store(&l4[checksum_offset(packet.protocol)], sum);
    return l4;
}

Frame frame_of(const Packet& packet, const Frame& transport) {
    return framed(packet, transport, false, 0, false);
}

Frame fragment_of(const Packet& packet, const Frame& transport, std::size_t begin,
                  std::size_t size) {
    const std::size_t first = std::min(begin, transport.size());
    const std::size_t length = std::min(size, transport.size() - first);
    return framed(packet, Bytes(transport).subspan(first, length), true, first,
                  first + length < transport.size());
}

std::optional<View> view_of(Bytes ip, bool cut) {
    View view;
    if (ip.size() < 20) return std::nullopt;
    view.v4 = ip[0] >> 4 == 4;
    if (view.v4) {
        view.l4 = (ip[0] & 0x0fU) * std::size_t{4};
        view.total = port_at(ip, 2);
        view.source = IpAddress(load<Be32>(&ip[12]));
        view.destination = IpAddress(load<Be32>(&ip[16]));
        view.protocol = ip[9];
        view.ttl = ip[8];
        view.id = port_at(ip, 4);
        const unsigned field = port_at(ip, 6);
        view.more = field & 0x2000;
        view.begin = (field & 0x1fff) * std::size_t{8};
        view.fragment = field & 0x3fff;
        if (view.l4 < 20) return std::nullopt;
    } else {
        if (ip.size() < 40 || ip[0] >> 4 != 6) return std::nullopt;
        view.total = 40 + std::size_t{port_at(ip, 4)};
        view.source = IpAddress(load<AddressOf<Family::ipv6>>(&ip[8]));
        view.destination = IpAddress(load<AddressOf<Family::ipv6>>(&ip[24]));
        view.ttl = ip[7];
        view.protocol = ip[6];
        view.l4 = 40;
        const auto is_extension = [&] {
            return view.protocol == kHopByHop || view.protocol == kRouting ||
                   view.protocol == kDestinationOptions || view.protocol == kFragmentHeader;
        };
        while (is_extension() && ip.size() >= view.l4 + 8 && view.begin == 0) {
            const std::uint8_t* at = &ip[view.l4];
            std::size_t length = 8;
            if (view.protocol == kFragmentHeader) {
                view.begin = load<Be16>(at + 2).host() & 0xfff8U;
                view.more = at[3] & 1;
                view.fragment = view.more || view.begin != 0;
                view.id = load<Be32>(at + 4).host();
            } else {
                length += at[1] * std::size_t{8};
            }
            view.protocol = at[0];
            view.l4 += length;
        }
    }
    if (view.l4 > ip.size() || view.total < view.l4) return std::nullopt;
    if (!cut && view.total > ip.size()) return std::nullopt;
    return view;
}

std::optional<View> view_of_frame(Bytes frame) {
    if (frame.size() < 34) return std::nullopt;
    const unsigned type = port_at(frame, 12);
    if (type != kEtherTypeIpv4 && type != kEtherTypeIpv6) return std::nullopt;
    const auto view = view_of(frame.subspan(14));
    if (view && view->v4 != (type == kEtherTypeIpv4)) return std::nullopt;
    return view;
}

bool is_error(const View& view, Bytes datagram) {
    if (!view.is_icmp() || view.begin != 0 || view.total < view.l4 + 8) return false;
    const std::uint8_t type = datagram[view.l4];
    return view.v4 ? type == 3 || type == 4 || type == 11 || type == 12 : type < 128;
}

std::optional<std::uint16_t> deviation(const View& view, Bytes datagram) {
    if (view.fragment && view.begin != 0) return std::nullopt;
    const Bytes l4 = datagram.subspan(view.l4, std::min(view.total, datagram.size()) - view.l4);
    if (!view.is_icmp() && view.protocol != kNumberTcp && view.protocol != kNumberUdp)
        return std::nullopt;
    const std::size_t at = checksum_offset(view.protocol);
    if (l4.size() < at + 2) return std::nullopt;
    if (view.protocol == kNumberUdp && port_at(l4, at) == 0) return std::nullopt;
    // The length in the pseudo header is that of what is here: of a part, all that can be compared
    // is whether it stays the same.
    const std::uint32_t pseudo =
        view.protocol == kNumberIcmp
            ? 0
            : pseudo_sum(view.source, view.destination, view.protocol, l4.size());
    const std::uint16_t sum = complement(sum_words(l4, pseudo));
    return sum == 0xffff ? std::uint16_t{0} : sum;
}

bool is_sctp_right(Bytes l4) {
    if (l4.size() < 12) return false;
    Frame copy(l4.begin(), l4.end());
    const auto said = load<std::uint32_t>(&copy[8]);
    store<std::uint32_t>(&copy[8], 0);
    return crc32c_bit_by_bit(copy) == said;
}

}  // namespace usher::fuzz
