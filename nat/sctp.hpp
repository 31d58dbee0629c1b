// SPDX-License-Identifier: BSD-3-Clause
// SCTP packets (RFC 9260 section 3) for NAT: ports, and a checksum that covers the whole packet but
// no addresses. So new addresses alone leave it right; new ports need the packet's length, and no
// more (crc32c.hpp).
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

// Gives a packet new ports, and the checksum what follows from them: right if it was right, and
// wrong if it was wrong. `header` is its first kSctpHeader bytes; `length` is how long all of it
// is, of which no more has to be there.
void rewrite_sctp(std::uint8_t* header, std::size_t length, const PortPair& ports);

// Makes the packet one of the reverse of `answer`, one hop less, as rewrite() does for TCP and UDP.
// `headers` as of those; its TTL is over 1.
template <Family F>
void rewrite_sctp(std::uint8_t* frame, const Headers& headers, const Flow<F>& answer);

}  // namespace usher
