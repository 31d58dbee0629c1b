// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors about translated packets (RFC 5508 section 4, RFC 4443): read, and translated so that
// whoever sent the quoted packet knows it again.
//
// On one packet: 198.51.100.7:4001 > 203.0.113.10:53 left us as 198.51.100.7:4001
// > 10.0.0.100:5353, and the server's port is closed:
//
//   10.0.0.100 > 198.51.100.7  unreachable { 198.51.100.7:4001 > 10.0.0.100:5353 }
//
// The quoted flow reversed, 10.0.0.100:5353 > 198.51.100.7:4001, is that of the server's answers:
// the table has it, as the flow of one direction of a connection. The quoted packet becomes the
// packet as it came to us, which is the connection's other flow:
//
//   203.0.113.10 > 198.51.100.7  unreachable { 198.51.100.7:4001 > 203.0.113.10:53 }
//
// Pure, and about the datagram alone: the network header stands at its start, known to be sound,
// the message at `l4`, and the datagram ends where the network header says. Everything behind `l4`
// is taken to be hostile.
#pragma once

#include <cstdint>
#include <span>

#include "nat/drop.hpp"
#include "nat/flow.hpp"
#include "nat/readdress.hpp"

namespace usher {

// The quoted packet. Offsets are from the datagram's start.
template <Family F>
struct IcmpQuote {
    Flow<F> flow;  // as it stands in the quote; of an echo, the id in both ports
    std::uint8_t protocol = 0;
    std::uint16_t ip = 0;   // of its network header
    std::uint16_t l4 = 0;   // of its transport header, of which at least 8 bytes are there
    std::uint16_t end = 0;  // where it, or what is quoted of it, ends
};

// Reads a message of IcmpKind::error. Returns why it cannot be passed on; `quote` holds only when
// that is Drop::none. bad_icmp: cut, or its checksum is wrong. bad_quote: a quote that no honest
// packet of ours would make, or one without ports (a later fragment); an error about an error is
// one (RFC 1122 section 3.2.2). unknown_protocol: about something that is never forwarded.
template <Family F>
Drop read_icmp_error(std::span<const std::uint8_t> datagram, std::size_t l4, IcmpQuote<F>& quote);

// From whom and to whom a translated error goes. To the quoted packet's sender; from whom it came,
// unless the quoted packet's destination was our doing: then from the address that the sender
// knows, whichever host behind it spoke, since the sender must not (and often cannot) know those.
//
//   service, from the server's side:       destination 10.0.0.100 was the VIP: from the VIP
//   service, from the client's side:       the client's address is its own: source kept
//   masqueraded, from outside (traceroute): the peer's address is its own: source kept
//   masqueraded, from inside:              the server hides behind our address: from that
template <Family F>
AddressPair<F> outer_addresses(const Flow<F>& quoted, const Flow<F>& becomes,
                               const AddressOf<F>& source);

// Makes the quoted packet one of `becomes` and gives the outer header new addresses and one hop
// less (its TTL is over 1). All checksums are kept right: outer, ICMP, and of the quote the
// header's and the transport's where it is in the quote; not SCTP's, a CRC over the packet that is
// not there. The length stays, and so does what follows the quote (RFC 4884 extensions).
template <Family F>
void translate_icmp_error(std::span<std::uint8_t> datagram, std::size_t l4,
                          const IcmpQuote<F>& quote, const Flow<F>& becomes,
                          const AddressPair<F>& outer);

}  // namespace usher
