// SPDX-License-Identifier: BSD-3-Clause
// The packets that a director answers by itself: ICMP errors (RFC 792, RFC 1812 section 4.3,
// RFC 4443) and TCP resets (RFC 9293 section 3.10.7.1). Written in place of the packet that caused
// them, which must not be an ICMP error itself (RFC 1122 section 3.2.2).
#pragma once

#include <cstdint>
#include <span>

#include "nat/headers.hpp"

namespace usher {

enum class IcmpError : std::uint8_t {
    no_route,              // IPv4: net unreachable
    host_unreachable,      // IPv6: address unreachable
    port_unreachable,      //
    fragmentation_needed,  // IPv6: packet too big
    time_exceeded,         // TTL or hop limit used up
    prohibited,            // communication administratively prohibited
};

// As Linux: as much of the packet as keeps the error within 576 bytes (RFC 1812 section 4.3.2.3),
// over IPv6 1280 (RFC 4443 section 2.4).
template <Family F>
inline constexpr std::size_t kIcmpDatagramLimit = F == Family::ipv4 ? 576 : 1280;
inline constexpr std::size_t kRefusalRoom = kEthernetHeader + kIcmpDatagramLimit<Family::ipv6>;

// Turns the frame into an ICMP error back to its sender, from `from`, or from the address it was
// sent to if that is all zero. `room` is the frame's buffer, at least kRefusalRoom bytes; the
// offending frame stands at its start and was accepted by parse<F>. `mtu` is for
// fragmentation_needed, else 0; `ip_id` for IPv4. Returns the new frame's length. The Ethernet
// addresses are left to the caller.
template <Family F = Family::ipv4>
std::size_t write_icmp_error(std::span<std::uint8_t> room, const Headers& headers, IcmpError error,
                             std::uint16_t mtu, std::uint16_t ip_id,
                             const AddressOf<F>& from = AddressOf<F>{});

// Turns a TCP segment without RST into the reset that a closed port answers with. Same contract.
template <Family F = Family::ipv4>
std::size_t write_tcp_reset(std::span<std::uint8_t> room, const Headers& headers);

}  // namespace usher
