// SPDX-License-Identifier: BSD-3-Clause
// Turns a packet of one flow into a packet of another, checksums kept right by RFC 1624.
//
// On one packet: a client's segment 198.51.100.7:4001 > 203.0.113.10:80 of a connection whose real
// server is 10.0.0.100:8080 gets destination 10.0.0.100:8080 and one less TTL. The IP checksum is
// adjusted by what the addresses and the TTL changed, TCP's by what addresses and ports changed.
#pragma once

#include "nat/checksum.hpp"
#include "nat/headers.hpp"

namespace usher {

// What a rewrite changes in the two checksums. The way back changes them by the opposite.
struct RewriteDeltas {
    ChecksumDelta network;  // without the TTL's step, which is the same both ways
    ChecksumDelta transport;

    constexpr RewriteDeltas opposite() const { return {network.opposite(), transport.opposite()}; }
};

template <Family F>
RewriteDeltas deltas_between(const Flow<F>& from, const Flow<F>& to) {
    struct Addresses {
        AddressOf<F> source, destination;
    };
    const ChecksumDelta addresses =
        delta_of(Addresses{from.source, from.destination}, Addresses{to.source, to.destination});
    return {addresses, delta_of(from, to)};
}

// UDP over IPv4: 0 means that there is no checksum and stays (RFC 768); a sum that comes out as 0
// is sent as 0xffff.
inline void adjust_udp(std::uint8_t* at, ChecksumDelta delta) {
    const auto old = load<std::uint16_t>(at);
    if (old == 0) return;
    const std::uint16_t sum = delta.apply(old);
    store<std::uint16_t>(at, sum == 0 ? 0xffff : sum);
}

// Makes the packet one of the reverse of `answer`. `frame` was accepted by parse<F> with `headers`
// and has a TTL over 1. Inlined: each packet that is forwarded goes through it.
template <Family F>
[[gnu::always_inline]] inline void rewrite(std::uint8_t* frame, const Headers& headers,
                                           const Flow<F>& answer, const RewriteDeltas& deltas) {
    using Layout = IpLayout<F>;
    std::uint8_t* ip = frame + kEthernetHeader;
    std::uint8_t* l4 = frame + headers.l4;
    // One by one as they are: turned around as a whole, they go through memory in pieces.
    store(ip + Layout::kSource, answer.destination);
    store(ip + Layout::kDestination, answer.source);
    store(l4, answer.destination_port);
    store(l4 + 2, answer.source_port);
    ip[Layout::kTtl] = static_cast<std::uint8_t>(ip[Layout::kTtl] - 1);
    if constexpr (F == Family::ipv4)
        store(ip + ipv4::kChecksum,
              deltas.network.apply(load<std::uint16_t>(ip + ipv4::kChecksum), kTtlDelta));
    if (headers.protocol == static_cast<std::uint8_t>(Protocol::tcp)) {
        std::uint8_t* at = l4 + kTcpChecksum;
        store(at, deltas.transport.apply(load<std::uint16_t>(at)));
    } else {
        adjust_udp(l4 + kUdpChecksum, deltas.transport);
    }
}

}  // namespace usher
