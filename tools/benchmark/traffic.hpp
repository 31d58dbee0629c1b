// SPDX-License-Identifier: BSD-3-Clause
// Ready-made packets: a wheel of mbufs into which headers are copied, as a NIC would put them
// there. Clients are 11.0.0.0/8 by the default route, services 203.0.113.10, servers 10.0.0.100 on;
// of IPv6 2001:db8:f::/64, 2001:db8:9::10, 2001:db8:b::100 on.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "nat/checksum.hpp"
#include "nat/headers.hpp"

namespace usher::bench {

// Headers of one direction of a flow, from Ethernet to TCP: what is copied into a packet.
struct alignas(64) Header {
    std::array<std::uint8_t, 64> bytes{};
    std::uint16_t length = 60;
};

struct PacketKind {
    std::uint8_t protocol = 17;
    std::uint8_t tcp_flags = kAck;
};

Header make_header(const Flow4& flow, PacketKind kind);
Header make_ipv6_header();  // of UDP without a payload, and without a flow

// Into a header that was made without a flow.
inline void put_flow(std::uint8_t* frame, const Flow4& flow) {
    std::uint8_t* ip = frame + kEthernetHeader;
    std::memcpy(ip + ipv4::kSource, &flow.source, 8);
    std::memcpy(ip + ipv4::kMinHeader, &flow.source_port, 4);
    const auto without = static_cast<std::uint16_t>(~load<std::uint16_t>(ip + ipv4::kChecksum));
    const std::uint64_t sum = without + std::uint64_t{load<std::uint32_t>(ip + ipv4::kSource)} +
                              load<std::uint32_t>(ip + ipv4::kDestination);
    const auto narrow =
        static_cast<std::uint32_t>((sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32));
    store(ip + ipv4::kChecksum, static_cast<std::uint16_t>(~fold(narrow)));
}
inline void put_flow(std::uint8_t* frame, const Flow6& flow) {
    std::memcpy(frame + kEthernetHeader + ipv6::kSource, &flow.source, 32);
    std::memcpy(frame + kEthernetHeader + ipv6::kHeader, &flow.source_port, 4);
}

// Flow number n of a client of the service.
inline Flow4 client_flow(std::uint32_t n, Be32 service, Be16 port) {
    const Be32 client = Be32::from_host(0x0b000000 + (n >> 15));
    const Be16 client_port = Be16::from_host(static_cast<std::uint16_t>(1024 + (n & 0x7fff)));
    return {client, service, client_port, port};
}

inline Flow6 client_flow(std::uint32_t n, const AddressOf<Family::ipv6>& service, Be16 port) {
    const Flow4 numbers = client_flow(n, Be32(), port);
    AddressOf<Family::ipv6> client{0x20, 0x01, 0x0d, 0xb8, 0, 0xf};
    store(&client[12], numbers.source);
    return {client, service, numbers.source_port, port};
}

class Wheel {
  public:
    static constexpr unsigned kSize = 512;
    static constexpr unsigned kBurst = 32;

    explicit Wheel(rte_mempool* pool);
    ~Wheel();
    Wheel(const Wheel&) = delete;
    Wheel& operator=(const Wheel&) = delete;

    // The next burst: the header copied in, and write(i, data) for what differs from packet to
    // packet, which is less than copying 64 bytes from all over memory.
    template <class Write>
    std::span<rte_mbuf*> fill(const Header& header, Write write) {
        rte_mbuf** packets = &packets_[at_];
        at_ = (at_ + kBurst) % kSize;
        for (unsigned i = 0; i < kBurst; ++i) {
            rte_mbuf* packet = packets[i];
            rte_mbuf_refcnt_set(packet, 2);  // one that is dropped is freed: one reference is ours
            packet->data_len = header.length;
            packet->pkt_len = header.length;
            auto* data = rte_pktmbuf_mtod(packet, std::uint8_t*);
            std::memcpy(data, header.bytes.data(), 64);
            write(i, data);
        }
        return {packets, kBurst};
    }

  private:
    std::array<rte_mbuf*, kSize> packets_;
    unsigned at_ = 0;
};

// A random order over n flows that needs no memory: x -> (a x + c) mod m, m the next power of two.
class Order {
  public:
    explicit Order(std::uint32_t count);
    std::uint32_t next() {
        do
            state_ = (state_ * 1664525 + 1013904223) & mask_;
        while (state_ >= count_);
        return state_;
    }

  private:
    std::uint32_t count_;
    std::uint32_t mask_;
    std::uint32_t state_ = 12345;
};

}  // namespace usher::bench
