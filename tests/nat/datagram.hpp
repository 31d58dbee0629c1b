// SPDX-License-Identifier: BSD-3-Clause
// Datagrams of either family for tests, built and checked from nothing: no checksum code of nat/.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "nat/flow.hpp"
#include "nat/headers.hpp"

namespace usher::test {

using Bytes = std::vector<std::uint8_t>;

template <Family F>
using FamilyTag = std::integral_constant<Family, F>;
using IPv4 = FamilyTag<Family::ipv4>;
using IPv6 = FamilyTag<Family::ipv6>;

template <Family F>
inline constexpr std::size_t kHeader = F == Family::ipv4 ? 20 : 40;

// The host of that number: 192.0.2.N or 2001:db8::N.
template <Family F>
AddressOf<F> host(std::uint8_t number) {
    if constexpr (F == Family::ipv4)
        return Be32::from_host(0xc0000200U | number);
    else
        return {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number};
}

inline std::uint16_t big16(const std::uint8_t* at) {
    return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}
inline void put16(std::uint8_t* at, unsigned value) {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
}

// One's complement sum in 16-bit words, the high byte first.
inline unsigned sum(const std::uint8_t* bytes, std::size_t size, unsigned start = 0) {
    for (std::size_t i = 0; i < size; ++i)
        start += static_cast<unsigned>(bytes[i]) << (i % 2 ? 0 : 8);
    while (start > 0xffff)
        start = (start & 0xffff) + (start >> 16);
    return start;
}

inline bool covers_pseudo_header(Family family, std::uint8_t protocol) {
    return family == Family::ipv6 || protocol == 6 || protocol == 17;
}

// The sum over a transport header and its data up to `end`: 0xffff when its checksum is right.
template <Family F>
unsigned transport_sum(const std::uint8_t* ip, std::size_t l4, std::size_t end,
                       std::uint8_t protocol) {
    unsigned start = 0;
    if (covers_pseudo_header(F, protocol))
        start = sum(ip + IpLayout<F>::kSource, 2 * sizeof(AddressOf<F>)) + protocol +
                static_cast<unsigned>(end - l4);
    return sum(ip + l4, end - l4, start);
}

inline int checksum_place(std::uint8_t protocol) {
    return protocol == 6 ? 16 : protocol == 17 ? 6 : 2;
}

// Sets the checksum of a TCP, UDP or ICMP(v6) message.
template <Family F>
void seal(Bytes& datagram, std::size_t l4, std::uint8_t protocol) {
    std::uint8_t* at = datagram.data() + l4 + checksum_place(protocol);
    put16(at, 0);
    const unsigned value =
        ~transport_sum<F>(datagram.data(), l4, datagram.size(), protocol) & 0xffff;
    put16(at, value == 0 && protocol == 17 ? 0xffff : value);
}

template <Family F>
void seal_header(Bytes& datagram) {
    if constexpr (F == Family::ipv4) {
        const std::size_t header = (datagram[0] & 0x0f) * std::size_t{4};
        put16(&datagram[10], 0);
        put16(&datagram[10], ~sum(datagram.data(), header) & 0xffff);
    }
}

// A datagram with this after the network header, which may begin with `options` (IPv4 options or
// IPv6 extension headers; `first` is then the number of the first of these).
template <Family F>
Bytes datagram(const AddressOf<F>& source, const AddressOf<F>& destination, std::uint8_t protocol,
               const Bytes& payload, const Bytes& options = {}, std::uint8_t first = 0) {
    Bytes bytes(kHeader<F> + options.size() + payload.size());
    const auto rest = std::copy(options.begin(), options.end(), bytes.begin() + kHeader<F>);
    std::copy(payload.begin(), payload.end(), rest);
    if constexpr (F == Family::ipv4) {
        bytes[0] = static_cast<std::uint8_t>(0x40 | (20 + options.size()) / 4);
        put16(&bytes[2], static_cast<unsigned>(bytes.size()));
        put16(&bytes[4], 0x1234);
        bytes[9] = protocol;
    } else {
        bytes[0] = 0x60;
        put16(&bytes[4], static_cast<unsigned>(bytes.size() - 40));
        bytes[6] = options.empty() ? protocol : first;
    }
    bytes[IpLayout<F>::kTtl] = 64;
    store(&bytes[IpLayout<F>::kSource], source);
    store(&bytes[IpLayout<F>::kDestination], destination);
    seal_header<F>(bytes);
    return bytes;
}

template <Family F>
bool has_right_header(const std::uint8_t* ip) {
    return F == Family::ipv6 || sum(ip, (ip[0] & 0x0f) * std::size_t{4}) == 0xffff;
}

}  // namespace usher::test
