// SPDX-License-Identifier: BSD-3-Clause
// What TCP, UDP and ICMPv6 sum up besides their own bytes: RFC 9293 section 3.1 over IPv4,
// RFC 8200 section 8.1 over IPv6 (lengths over 65,535 are not carried, so both look alike).
#pragma once

#include "nat/checksum.hpp"
#include "nat/headers.hpp"

namespace usher {

// `ip` is the network header, `length` that of the transport header and what follows. To be the
// start of sum_words over those bytes.
template <Family F>
std::uint32_t pseudo_sum(const std::uint8_t* ip, Protocol protocol, std::size_t length) {
    return sum_words({ip + IpLayout<F>::kSource, 2 * sizeof(AddressOf<F>)}) +
           std::uint32_t{Be16::from_host(static_cast<std::uint16_t>(protocol)).raw()} +
           Be16::from_host(static_cast<std::uint16_t>(length)).raw();
}

}  // namespace usher
