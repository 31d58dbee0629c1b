// SPDX-License-Identifier: BSD-3-Clause
// ICMP (RFC 792) and ICMPv6 (RFC 4443): what kind a message is, its checksum, and echo as a flow.
//
// A query has no ports; its id stands for them (RFC 5508 section 3). The id is put in both port
// fields of the flow, so that the answer's flow is the request's reversed, as with TCP and UDP.
//
// Functions take the datagram: the network header stands at its start, the message at `l4`, and
// nothing follows the message (`datagram` is as long as the network header says).
#pragma once

#include <cstdint>
#include <span>

#include "nat/checksum.hpp"
#include "nat/flow.hpp"

namespace usher {

inline constexpr std::size_t kIcmpHeader = 8;
inline constexpr int kIcmpChecksum = 2, kIcmpId = 4;

template <Family F>
inline constexpr Protocol kIcmpProtocol = F == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6;

enum class IcmpKind : std::uint8_t {
    echo_request,
    echo_reply,
    error,  // about a packet that it quotes
    other,  // redirects as well: they are for the next hop alone
};

template <Family F>
IcmpKind icmp_kind(std::uint8_t type);
template <>
IcmpKind icmp_kind<Family::ipv4>(std::uint8_t type);
template <>
IcmpKind icmp_kind<Family::ipv6>(std::uint8_t type);

// What belongs in the checksum's field while that is 0; and 0 if the field holds the right one.
template <Family F>
std::uint16_t icmp_checksum(std::span<const std::uint8_t> datagram, std::size_t l4);

// Of an echo request or reply of which at least kIcmpHeader bytes are there.
template <Family F>
Flow<F> read_echo(std::span<const std::uint8_t> datagram, std::size_t l4);

// Makes it one of the flow `leaves`, one hop less. Same contract; the TTL is over 1. The checksum
// is adjusted, so this is right for the first fragment of a large echo, too.
template <Family F>
void rewrite_echo(std::span<std::uint8_t> datagram, std::size_t l4, const Flow<F>& leaves);

// Gives an echo's header at `icmp` the id; `addresses` is what else its checksum covers that was
// changed (ICMPv6 only).
template <Family F>
void set_echo_id(std::uint8_t* icmp, Be16 id, ChecksumDelta addresses);

}  // namespace usher
