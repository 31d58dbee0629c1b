// SPDX-License-Identifier: BSD-3-Clause
// Addresses that no packet on a wire to or from a host may have, as far as they are told without
// knowing the network: RFC 1122 section 3.2.1.3, RFC 4291 sections 2.5 and 2.7.
#pragma once

#include "nat/headers.hpp"

namespace usher {

// 0/8, 127/8, 169.254/16, 224/4 and above.
inline bool is_martian(Be32 address) {
    const std::uint32_t first = address.host() >> 24;
    return first == 0 || first == 127 || first >= 224 || address.host() >> 16 == 0xa9fe;
}

// Of the sender of an ICMP error: routers may number the links between them from 169.254/16, and
// what they say from there is heard, as by Linux; RFC 3927 section 2.7 is about hosts.
inline bool is_martian_router(Be32 address) {
    return is_martian(address) && address.host() >> 16 != 0xa9fe;
}

// ::, ::1, fe80::/10 and ff00::/8.
inline bool is_martian(const AddressOf<Family::ipv6>& address) {
    const auto high = load<Be64>(address.data());
    const auto low = load<Be64>(address.data() + 8);
    const bool link_local = address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
    return address[0] == 0xff || link_local || (high == Be64() && low.host() <= 1);
}
// Not so here: a router has an address that goes further (RFC 4443 section 2.2, RFC 4291 section
// 2.5.6).
inline bool is_martian_router(const AddressOf<Family::ipv6>& address) {
    return is_martian(address);
}

// What no router passes on: multicast and 255.255.255.255 (RFC 1112, RFC 919; all above 224/4 with
// them), and link-local addresses (RFC 3927 section 2.6.2, RFC 4291 section 2.5.6).
inline bool is_of_one_link(Be32 address) {
    return address.host() >> 28 >= 14 || address.host() >> 16 == 0xa9fe;
}
inline bool is_of_one_link(const AddressOf<Family::ipv6>& address) {
    return address[0] == 0xff || (address[0] == 0xfe && (address[1] & 0xc0) == 0x80);
}

}  // namespace usher
