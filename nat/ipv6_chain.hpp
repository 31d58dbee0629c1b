// SPDX-License-Identifier: BSD-3-Clause
// IPv6's chain of extension headers (RFC 8200 section 4), for datagrams whose fragment header
// matters and for quotes that may be cut. Pure; every length checked; a bounded number of headers.
#pragma once

#include <cstdint>
#include <span>

namespace usher {

struct Ipv6Chain {
    std::uint8_t protocol = 0;   // what stands at `end`
    std::uint16_t end = 0;       // offset of the transport header; in a later fragment of its data
    std::uint16_t fragment = 0;  // offset of the fragment header; 0: there is none
    bool complete = false;       // `protocol` and `end` hold; else cut, endless or malformed
};

// `datagram` begins with an IPv6 header, all of it, and has at most 65,535 bytes. Hop-by-hop,
// routing, destination options and one fragment header are skipped; authentication and the rest
// end the chain as a protocol does. A routing header with segments left makes it incomplete: the
// destination is not yet the one that a checksum covers.
Ipv6Chain read_chain(std::span<const std::uint8_t> datagram);

}  // namespace usher
