// SPDX-License-Identifier: BSD-3-Clause
// The packets that a director answers by itself: ICMP errors (RFC 792, RFC 1812 section 4.3) and
// TCP resets (RFC 9293 section 3.10.7.1). Written in place of the packet that caused them.
#pragma once

#include <cstdint>
#include <span>

#include "nat/headers.hpp"

namespace usher {

enum class IcmpError : std::uint16_t {  // type << 8 | code
    host_unreachable = 0x0301,
    port_unreachable = 0x0303,
    fragmentation_needed = 0x0304,
    time_exceeded = 0x0b00,
};

// As Linux: as much of the packet as keeps the error within 576 bytes (RFC 1812 section 4.3.2.3).
inline constexpr std::size_t kIcmpDatagramLimit = 576;
inline constexpr std::size_t kRefusalRoom = kEthernetHeader + kIcmpDatagramLimit;

// Turns the frame into an ICMP error back to its sender, from `from`, or from the address it was
// sent to if that is 0. `room`
// is the frame's buffer, at least kRefusalRoom bytes; the offending frame stands at its start and
// was accepted by parse_ipv4. `mtu` is for fragmentation_needed, else 0. Returns the new frame's
// length. The Ethernet addresses are left to the caller.
std::size_t write_icmp_error(std::span<std::uint8_t> room, const Headers& headers, IcmpError error,
                             std::uint16_t mtu, std::uint16_t ip_id, Be32 from = Be32());

// Turns a TCP segment without RST into the reset that a closed port answers with. Same contract.
std::size_t write_tcp_reset(std::span<std::uint8_t> room, const Headers& headers);

}  // namespace usher
