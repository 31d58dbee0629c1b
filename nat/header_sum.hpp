// SPDX-License-Identifier: BSD-3-Clause
// The checksum of IPv4's own header (RFC 791 section 3.1). Packets of established connections need
// no look at it: it is changed by the difference, so a wrong one stays wrong and the receiver drops
// the packet. It is looked at before a packet has other consequences, or gets new headers.
#pragma once

#include "nat/checksum.hpp"
#include "nat/headers.hpp"

namespace usher {

// Of a frame whose network header was found sound. IPv6 has no such checksum.
template <Family F>
bool has_right_header_sum(const std::uint8_t* frame) {
    if constexpr (F == Family::ipv6) return true;
    const std::uint8_t* ip = frame + kEthernetHeader;
    const unsigned words = ip[0] & 0x0fU;
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < words; ++i)
        sum += load<std::uint32_t>(ip + std::size_t{4} * i);
    sum = (sum & 0xffffffff) + (sum >> 32);
    return fold(static_cast<std::uint32_t>((sum & 0xffff) + (sum >> 16))) == 0xffff;
}

}  // namespace usher
