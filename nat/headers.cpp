// SPDX-License-Identifier: BSD-3-Clause
#include "nat/headers.hpp"

namespace usher {

Drop fault_of(std::span<const std::uint8_t> frame) {
    if (frame.size() < kEthernetHeader) return Drop::truncated;
    if (load<Be16>(frame.data() + 12).host() != kEtherTypeIpv4) return Drop::not_ip;
    if (frame.size() < kEthernetHeader + ipv4::kMinHeader) return Drop::truncated;

    const std::uint8_t* ip = frame.data() + kEthernetHeader;
    const unsigned header = (ip[0] & 0x0fU) * 4;
    const unsigned total = load<Be16>(ip + ipv4::kTotalLength).host();
    if (ip[0] >> 4 != 4 || header < ipv4::kMinHeader || total < header) return Drop::bad_ip_header;
    if (total > frame.size() - kEthernetHeader) return Drop::truncated;
    if (load<Be16>(ip + ipv4::kFragment).host() & ipv4::kFragmentMask) return Drop::fragment;
    // What is left is a datagram too short for the shortest transport header.
    switch (static_cast<Protocol>(ip[ipv4::kProtocol])) {
        case Protocol::tcp:
            return Drop::bad_tcp_header;
        case Protocol::udp:
            return Drop::bad_udp_header;
        default:
            return Drop::unknown_protocol;
    }
}

}  // namespace usher
