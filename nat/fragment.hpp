// SPDX-License-Identifier: BSD-3-Clause
// What a fragment says of itself (RFC 791 section 3.2, RFC 8200 section 4.5). Pure; nothing here is
// believed: what cannot be is told by `is_sound`, and poisons the datagram (fragment_table.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "nat/address.hpp"

namespace usher {

// The fragments of one datagram have this in common.
struct FragmentKey {
    std::array<std::uint8_t, 16> source{}, destination{};  // IPv4: the first four bytes
    std::uint32_t id = 0;                                  // as it lies in the packet
    std::uint8_t protocol = 0;  // IPv6: 0, not part of it (RFC 8200 section 4.5)
    Family family = Family::ipv4;

    friend bool operator==(const FragmentKey&, const FragmentKey&) = default;
};

struct Fragment {
    FragmentKey key;
    std::uint8_t protocol = 0;  // of the transport header; in a later one of IPv6 a mere claim
    bool more = false;          // others follow it
    bool is_sound = false;  // fits into a datagram; has the whole transport header if `begin` is 0
    std::uint16_t l4 = 0;   // offset of the transport header, or of a later fragment's data
    std::uint16_t begin = 0;  // of its data in the datagram's, bytes; a multiple of 8
    std::uint16_t end = 0;

    bool is_first() const { return begin == 0; }
};

// Whether there is something to follow: the datagram, whose network header is whole and sound,
// is a fragment and not all of its datagram (RFC 6946). IPv6: a cut chain before the fragment
// header makes it none.
template <Family F>
bool is_fragment(std::span<const std::uint8_t> datagram);
template <>
bool is_fragment<Family::ipv4>(std::span<const std::uint8_t> datagram);
template <>
bool is_fragment<Family::ipv6>(std::span<const std::uint8_t> datagram);

// Reads one that is_fragment. `datagram` is as long as its network header says, at most 65,535.
template <Family F>
Fragment read_fragment(std::span<const std::uint8_t> datagram);
template <>
Fragment read_fragment<Family::ipv4>(std::span<const std::uint8_t> datagram);
template <>
Fragment read_fragment<Family::ipv6>(std::span<const std::uint8_t> datagram);

}  // namespace usher
