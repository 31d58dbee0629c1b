// SPDX-License-Identifier: BSD-3-Clause
// How IPVS makes a place in a table of 256 out of an address: dh of the destination, sh of the
// client. Pure.
#pragma once

#include "nat/address.hpp"

namespace usher {

// An IPv4 address as a number; the four words of an IPv6 address, combined by exclusive or.
inline std::uint32_t folded(const IpAddress& address) {
    const auto& bytes = address.bytes();  // of an IPv4 address all but the first four are zero
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        std::uint32_t column = 0;
        for (std::size_t word = 0; word < 4; ++word)
            column ^= bytes[4 * word + i];
        number = number << 8 | column;
    }
    return number;
}

// The kernel's multiplicative hash (its golden ratio for 32 bits), reduced to 8 bits.
constexpr std::uint32_t hash8(std::uint32_t number) {
    return (number * 0x61c88647U) >> 24;
}

}  // namespace usher
