// SPDX-License-Identifier: BSD-3-Clause
#include "nat/headers.hpp"

namespace usher {

namespace {

Drop check_tcp(const std::uint8_t* tcp, unsigned length) {
    if (length < kTcpMinHeader) return Drop::bad_tcp_header;
    const unsigned header = static_cast<unsigned>(tcp[12] >> 4) * 4;
    return header < kTcpMinHeader || header > length ? Drop::bad_tcp_header : Drop::none;
}

Drop check_udp(const std::uint8_t* udp, unsigned length) {
    if (length < kUdpHeader) return Drop::bad_udp_header;
    const unsigned said = load<Be16>(udp + 4).host();
    return said < kUdpHeader || said > length ? Drop::bad_udp_header : Drop::none;
}

Headers fault(Drop reason) {
    Headers headers;
    headers.fault = reason;
    return headers;
}

}  // namespace

Headers parse_ipv4(std::span<const std::uint8_t> frame) {
    if (frame.size() < kEthernetHeader) return fault(Drop::truncated);
    if (load<Be16>(frame.data() + 12).host() != kEtherTypeIpv4) return fault(Drop::not_ip);
    if (frame.size() < kEthernetHeader + ipv4::kMinHeader) return fault(Drop::truncated);

    const std::uint8_t* ip = frame.data() + kEthernetHeader;
    const unsigned header = (ip[0] & 0x0fU) * 4;
    const unsigned total = load<Be16>(ip + ipv4::kTotalLength).host();
    if (ip[0] >> 4 != 4 || header < ipv4::kMinHeader || total < header)
        return fault(Drop::bad_ip_header);
    if (total > frame.size() - kEthernetHeader) return fault(Drop::truncated);
    if (load<Be16>(ip + ipv4::kFragment).host() & ipv4::kFragmentMask) return fault(Drop::fragment);

    Headers headers;
    headers.protocol = ip[ipv4::kProtocol];
    headers.l4 = static_cast<std::uint8_t>(kEthernetHeader + header);
    headers.ip_length = static_cast<std::uint16_t>(total);
    const std::uint8_t* l4 = ip + header;
    if (headers.protocol == static_cast<std::uint8_t>(Protocol::tcp)) {
        headers.fault = check_tcp(l4, total - header);
        if (headers.fault == Drop::none) headers.tcp_flags = l4[13];
    } else if (headers.protocol == static_cast<std::uint8_t>(Protocol::udp)) {
        headers.fault = check_udp(l4, total - header);
    } else {
        headers.fault = Drop::unknown_protocol;
    }
    return headers;
}

}  // namespace usher
