// SPDX-License-Identifier: BSD-3-Clause
// Ethernet frames of the simulated hosts, both ways between bytes and what they say. Checksums are
// computed when written and checked when read: a host does not see a packet with a wrong one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "conf/model.hpp"
#include "nat/headers.hpp"

namespace usher::replay {

using Frame = std::vector<std::uint8_t>;
using Endpoint = ServerKey;  // an address and a port

struct IcmpReport {  // an ICMP error, and whose packet it quotes
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint32_t info = 0;  // the MTU where there is one
    Family family = Family::ipv4;
    Endpoint source;
    Endpoint destination;
};

struct Segment {  // a TCP segment, a UDP datagram or an ICMP error
    Protocol protocol = Protocol::tcp;
    Endpoint source;
    Endpoint destination;
    std::uint8_t flags = 0;
    std::uint32_t sequence = 0;
    std::uint32_t acknowledged = 0;
    std::uint16_t length = 0;  // of the payload
    std::optional<IcmpReport> icmp;

    bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
    std::uint32_t sequence_length() const { return length + has(kSyn) + has(kFin); }
};

Frame encode(const Segment& segment);                                // TCP or UDP
std::optional<Segment> decode(std::span<const std::uint8_t> bytes);  // nothing: not sound

// What a kernel answers for a port on which nobody listens; nothing for a reset.
std::optional<Frame> closed_port_answer(const Frame& frame, const Segment& segment);
Segment reset_for(const Segment& segment);

}  // namespace usher::replay
