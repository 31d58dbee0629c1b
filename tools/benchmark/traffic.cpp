// SPDX-License-Identifier: BSD-3-Clause
#include "tools/benchmark/traffic.hpp"

#include <bit>
#include <stdexcept>

#include "nat/checksum.hpp"

namespace usher::bench {

Header make_header(const Flow4& flow, PacketKind kind) {
    Header header;
    std::uint8_t* ip = header.bytes.data() + kEthernetHeader;
    std::uint8_t* l4 = ip + ipv4::kMinHeader;
    store(header.bytes.data() + 12, Be16::from_host(kEtherTypeIpv4));
    const bool tcp = kind.protocol == 6;
    const auto length = static_cast<std::uint16_t>(ipv4::kMinHeader + (tcp ? 20 : 26));
    ip[0] = 0x45;
    store(ip + ipv4::kTotalLength, Be16::from_host(length));
    ip[ipv4::kTtl] = 64;
    ip[ipv4::kProtocol] = kind.protocol;
    std::memcpy(ip + ipv4::kSource, &flow.source, 8);
    store(ip + ipv4::kChecksum, static_cast<std::uint16_t>(~sum_words({ip, ipv4::kMinHeader})));
    std::memcpy(l4, &flow.source_port, 4);
    if (tcp) {
        l4[12] = 0x50;
        l4[13] = kind.tcp_flags;
        store<std::uint16_t>(l4 + kTcpChecksum, 0x1234);  // adjusted, never verified
    } else {
        store(l4 + 4, Be16::from_host(26));
        store<std::uint16_t>(l4 + kUdpChecksum, 0x1234);
    }
    return header;
}

Header make_ipv6_header() {
    Header header;
    header.length = kEthernetHeader + ipv6::kHeader + kUdpHeader;
    std::uint8_t* ip = header.bytes.data() + kEthernetHeader;
    store(header.bytes.data() + 12, Be16::from_host(kEtherTypeIpv6));
    ip[0] = 0x60;
    store(ip + ipv6::kPayloadLength, Be16::from_host(kUdpHeader));
    ip[ipv6::kNextHeader] = 17;
    ip[ipv6::kHopLimit] = 64;
    store(ip + ipv6::kHeader + 4, Be16::from_host(kUdpHeader));
    store<std::uint16_t>(ip + ipv6::kHeader + kUdpChecksum, 0x1234);
    return header;
}

Wheel::Wheel(rte_mempool* pool) {
    if (rte_pktmbuf_alloc_bulk(pool, packets_.data(), kSize) != 0)
        throw std::runtime_error("no packets for the wheel");
}

Wheel::~Wheel() {
    for (rte_mbuf* packet : packets_) {
        rte_mbuf_refcnt_set(packet, 1);  // those that were sent kept the second
        rte_pktmbuf_free(packet);
    }
}

Order::Order(std::uint32_t count) : count_(count), mask_(std::bit_ceil(count) - 1) {}

}  // namespace usher::bench
