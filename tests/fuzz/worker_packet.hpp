// SPDX-License-Identifier: BSD-3-Clause
// Packets for fuzz_worker, and what one reads in a frame: written and read without the code under
// test, all checksums from nothing.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "nat/address.hpp"

namespace usher::fuzz {

using Frame = std::vector<std::uint8_t>;
using Bytes = std::span<const std::uint8_t>;

inline constexpr std::uint8_t kNumberIcmp = 1, kNumberTcp = 6, kNumberUdp = 17, kNumberIcmp6 = 58,
                              kNumberSctp = 132;

struct Place {
    IpAddress address;
    std::uint16_t port = 0;
};

// What stands between the addresses and the transport header.
enum class Extras : std::uint8_t {
    none,
    options,      // IPv4: two words of options; IPv6: a hop-by-hop header
    destination,  // IPv6: destination options and routing; IPv4: as options
    many,         // IPv4: ten words of options; IPv6: 200 bytes of headers
    whole,        // IPv6: a fragment header for a whole datagram (RFC 6946)
    count_
};

struct Packet {
    std::uint8_t protocol = kNumberTcp;
    Place from, to;
    std::uint8_t flags = 0;  // TCP's; the type of an ICMP message or SCTP chunk
    std::uint8_t code = 0;   // ICMP's
    std::uint32_t sequence = 0, acknowledged = 0;  // of ICMP: the 4 bytes after its checksum
    Frame options;                                 // TCP's, a multiple of 4
    Frame payload;
    bool bad_sum = false;
    bool no_sum = false;  // UDP
    std::uint8_t ttl = 64, tos = 0;
    bool must_not_fragment = false;
    std::uint16_t id = 0;
    Extras extras = Extras::none;
};

// The transport header with its payload; and frames of the whole datagram, or of the part of it
// from `begin` on, of `size` bytes.
Frame transport_of(const Packet& packet);
Frame frame_of(const Packet& packet, const Frame& transport);
Frame fragment_of(const Packet& packet, const Frame& transport, std::size_t begin,
                  std::size_t size);

// Where things lie in a datagram; everything inside it, or there is no View.
struct View {
    bool v4 = false;
    IpAddress source, destination;
    std::uint8_t protocol = 0;
    std::uint8_t ttl = 0;
    std::size_t l4 = 0;     // offset of what follows the network header and its extensions
    std::size_t total = 0;  // bytes of the datagram
    std::size_t begin = 0;  // of its part, in a fragment
    bool fragment = false, more = false;
    std::uint32_t id = 0;
    bool has_ports() const {
        return begin == 0 && total >= l4 + 4 &&
               (protocol == kNumberTcp || protocol == kNumberUdp || protocol == kNumberSctp);
    }
    bool is_icmp() const { return protocol == (v4 ? kNumberIcmp : kNumberIcmp6); }
};

// `cut`: the datagram may be longer than what is there (a quote).
std::optional<View> view_of(Bytes datagram, bool cut = false);
std::optional<View> view_of_frame(Bytes frame);
bool is_error(const View& view, Bytes datagram);  // an ICMP error

std::uint16_t port_at(Bytes bytes, std::size_t at);

// How far the transport checksum of the datagram is from right, as a one's complement number; 0:
// it is right. nullopt: it has none, or not all that it covers is there.
std::optional<std::uint16_t> deviation(const View& view, Bytes datagram);
bool is_sctp_right(Bytes l4);

}  // namespace usher::fuzz
