// SPDX-License-Identifier: BSD-3-Clause
// SCTP packets (RFC 9260 section 3) for NAT: ports, and a checksum that covers the whole packet but
// no addresses. So new addresses alone leave it right, and new ports need every byte: a fragmented
// packet can keep its ports only.
#pragma once

#include <cstdint>
#include <span>

#include "nat/byte_order.hpp"
#include "nat/headers.hpp"

namespace usher {

inline constexpr std::size_t kSctpHeader = 12;
inline constexpr int kSctpChecksum = 8;
// Chunk types that matter for a connection's life; the first chunk follows the header.
enum SctpChunk : std::uint8_t {
    kSctpData = 0,
    kSctpInit = 1,
    kSctpInitAck = 2,
    kSctpAbort = 6,
    kSctpShutdown = 7,
    kSctpShutdownAck = 8,
    kSctpCookieEcho = 10,
    kSctpCookieAck = 11,
    kSctpShutdownComplete = 14,
};

struct PortPair {
    Be16 source, destination;
};

// `packet` is the transport header and all that follows in the datagram, at least kSctpHeader.
bool is_sctp_sound(std::span<const std::uint8_t> packet);

// Gives it new ports and a checksum from nothing. Only for a packet that is_sctp_sound: what was
// damaged on the way must not become right here.
void rewrite_sctp(std::span<std::uint8_t> packet, const PortPair& ports);

// Makes the packet one of the reverse of `answer`, one hop less, as rewrite() does for TCP and UDP.
// `headers` as of those; its TTL is over 1. What keeps its ports keeps its checksum.
template <Family F>
void rewrite_sctp(std::uint8_t* frame, const Headers& headers, const Flow<F>& answer);

}  // namespace usher
