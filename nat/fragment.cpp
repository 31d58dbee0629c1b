// SPDX-License-Identifier: BSD-3-Clause
#include "nat/fragment.hpp"

#include "nat/headers.hpp"
#include "nat/ipv6_chain.hpp"

namespace usher {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint16_t kMoreFragments4 = 0x2000, kOffset4 = 0x1fff;
constexpr std::uint16_t kMoreFragments6 = 0x0001, kOffset6 = 0xfff8;
constexpr std::size_t kFragmentHeader6 = 8;
constexpr std::size_t kUnit = 8;
constexpr std::size_t kLongest = 0xffff;

// Whole, and sound as far as that can be seen here. A transport header over two fragments could be
// changed by the second (RFC 3128, RFC 7112).
bool has_transport_header(Bytes l4, std::uint8_t protocol) {
    switch (static_cast<Protocol>(protocol)) {
        case Protocol::tcp: {
            if (l4.size() < kTcpMinHeader) return false;
            const std::size_t header = (l4[12] >> 4) * std::size_t{4};
            return header >= kTcpMinHeader && header <= l4.size();
        }
        case Protocol::udp:
            return l4.size() >= kUdpHeader && load<Be16>(l4.data() + 4).host() >= kUdpHeader;
        case Protocol::sctp:
            return l4.size() >= 16;  // with the header of the first chunk, which tells what it does
        default:
            return l4.size() >= 8;
    }
}

// `before` counts towards the whole datagram's length together with its data.
void place(Fragment& fragment, Bytes datagram, std::size_t begin, std::size_t length,
           std::size_t before) {
    const std::size_t end = begin + length;
    const bool fits = length != 0 && (!fragment.more || length % kUnit == 0) &&
                      before + end <= kLongest && fragment.l4 != 0;
    fragment.begin = static_cast<std::uint16_t>(begin);
    fragment.end = static_cast<std::uint16_t>(end);
    fragment.is_sound = fits && (begin != 0 || has_transport_header(datagram.subspan(fragment.l4),
                                                                    fragment.protocol));
}

}  // namespace

template <>
bool is_fragment<Family::ipv4>(Bytes datagram) {
    return load<Be16>(datagram.data() + ipv4::kFragment).host() & (kMoreFragments4 | kOffset4);
}

template <>
bool is_fragment<Family::ipv6>(Bytes datagram) {
    const std::uint16_t at = read_chain(datagram).fragment;
    return at != 0 && load<Be16>(datagram.data() + at + 2).host() & (kMoreFragments6 | kOffset6);
}

template <>
Fragment read_fragment<Family::ipv4>(Bytes datagram) {
    const std::uint8_t* ip = datagram.data();
    const std::size_t header = (ip[0] & 0x0fU) * std::size_t{4};
    const std::uint16_t field = load<Be16>(ip + ipv4::kFragment).host();

    Fragment fragment;
    fragment.protocol = ip[ipv4::kProtocol];
    std::memcpy(fragment.key.source.data(), ip + ipv4::kSource, 4);
    std::memcpy(fragment.key.destination.data(), ip + ipv4::kDestination, 4);
    fragment.key.id = load<std::uint16_t>(ip + ipv4::kId);
    fragment.key.protocol = fragment.protocol;
    fragment.more = field & kMoreFragments4;
    fragment.l4 = static_cast<std::uint16_t>(header);
    place(fragment, datagram, (field & kOffset4) * kUnit, datagram.size() - header, header);
    return fragment;
}

template <>
Fragment read_fragment<Family::ipv6>(Bytes datagram) {
    const Ipv6Chain chain = read_chain(datagram);
    const std::uint8_t* header = datagram.data() + chain.fragment;
    const std::uint16_t field = load<Be16>(header + 2).host();
    const std::size_t data = chain.fragment + kFragmentHeader6;

    Fragment fragment;
    fragment.protocol = chain.protocol;
    std::memcpy(fragment.key.source.data(), datagram.data() + ipv6::kSource, 16);
    std::memcpy(fragment.key.destination.data(), datagram.data() + ipv6::kDestination, 16);
    fragment.key.id = load<std::uint32_t>(header + 4);
    fragment.key.family = Family::ipv6;
    fragment.more = field & kMoreFragments6;
    fragment.l4 = chain.complete ? chain.end : std::uint16_t{0};
    // The fragment header is gone from the whole; what stands before it counts as payload.
    place(fragment, datagram, field & kOffset6, datagram.size() - data,
          chain.fragment - std::size_t{ipv6::kHeader});
    return fragment;
}

}  // namespace usher
