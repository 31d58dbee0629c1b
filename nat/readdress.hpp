// SPDX-License-Identifier: BSD-3-Clause
// New addresses for a network header, IPv4's checksum kept right by RFC 1624. For what
// nat/rewrite.hpp does not do: headers without ports behind them (later fragments, ICMP), and
// headers quoted in ICMP errors.
#pragma once

#include "nat/checksum.hpp"
#include "nat/headers.hpp"

namespace usher {

template <Family F>
struct AddressPair {
    AddressOf<F> source, destination;
};

template <Family F>
AddressPair<F> addresses_of(const std::uint8_t* ip) {
    return {load<AddressOf<F>>(ip + IpLayout<F>::kSource),
            load<AddressOf<F>>(ip + IpLayout<F>::kDestination)};
}

// Returns what the new addresses add to a checksum that covers them.
template <Family F>
ChecksumDelta readdress(std::uint8_t* ip, const AddressPair<F>& becomes) {
    const ChecksumDelta delta = delta_of(addresses_of<F>(ip), becomes);
    store(ip + IpLayout<F>::kSource, becomes);
    if constexpr (F == Family::ipv4) {
        std::uint8_t* at = ip + ipv4::kChecksum;
        store(at, delta.apply(load<std::uint16_t>(at)));
    }
    return delta;
}

// One hop less. The TTL or hop limit is over 1.
template <Family F>
void take_hop(std::uint8_t* ip) {
    ip[IpLayout<F>::kTtl] = static_cast<std::uint8_t>(ip[IpLayout<F>::kTtl] - 1);
    if constexpr (F == Family::ipv4) {
        std::uint8_t* at = ip + ipv4::kChecksum;
        store(at, kTtlDelta.apply(load<std::uint16_t>(at)));
    }
}

}  // namespace usher
