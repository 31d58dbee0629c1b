// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/spread.hpp"

#include <algorithm>

#include "nat/headers.hpp"

namespace usher {

namespace {

constexpr std::uint16_t kEtherTypeVlan = 0x8100, kEtherTypeQinq = 0x88a8;
constexpr int kMaxTags = 2;

constexpr bool has_ports(std::uint8_t protocol) {
    constexpr std::uint8_t kSctp = 132;
    return protocol == static_cast<std::uint8_t>(Protocol::tcp) ||
           protocol == static_cast<std::uint8_t>(Protocol::udp) || protocol == kSctp;
}

// Multiplying by an odd constant carries low bits up; the high half carries them back.
constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
    hash = (hash ^ value) * kOdd;
    return hash ^ hash >> 32;
}

std::uint32_t hash_ipv4(std::span<const std::uint8_t> datagram) {
    const std::uint8_t* ip = datagram.data();
    const std::uint8_t protocol = ip[ipv4::kProtocol];
    std::uint64_t hash = mix(protocol, load<std::uint64_t>(ip + ipv4::kSource));
    const std::size_t l4 = (ip[0] & 0x0fU) * 4U;
    const bool fragment = load<Be16>(ip + ipv4::kFragment).host() & ipv4::kFragmentMask;
    if (!fragment && has_ports(protocol) && datagram.size() >= l4 + 4)
        hash = mix(hash, load<std::uint32_t>(ip + l4));
    return static_cast<std::uint32_t>(hash);
}

// The next header of fragments is the fragment header, so they have no ports here.
std::uint32_t hash_ipv6(std::span<const std::uint8_t> datagram) {
    const std::uint8_t* ip = datagram.data();
    const std::uint8_t next = ip[ipv6::kNextHeader];
    std::uint64_t hash = mix(0, load<std::uint64_t>(ip + ipv6::kSource));
    for (int at = ipv6::kSource + 8; at < ipv6::kHeader; at += 8)
        hash = mix(hash, load<std::uint64_t>(ip + at));
    if (has_ports(next) && datagram.size() >= ipv6::kHeader + std::size_t{4})
        hash = mix(hash, std::uint64_t{next} << 32 | load<std::uint32_t>(ip + ipv6::kHeader));
    return static_cast<std::uint32_t>(hash);
}

}  // namespace

std::optional<std::uint32_t> spread_hash(std::span<const std::uint8_t> frame) {
    std::size_t at = kEthernetHeader;
    if (frame.size() < at) return std::nullopt;
    std::uint16_t type = load<Be16>(&frame[at - 2]).host();
    for (int tags = 0; type == kEtherTypeVlan || type == kEtherTypeQinq; ++tags) {
        at += 4;
        if (tags == kMaxTags || frame.size() < at) return std::nullopt;
        type = load<Be16>(&frame[at - 2]).host();
    }
    const auto datagram = frame.subspan(at);
    if (type == kEtherTypeIpv4 && datagram.size() >= ipv4::kMinHeader) return hash_ipv4(datagram);
    if (type == kEtherTypeIpv6 && datagram.size() >= ipv6::kHeader) return hash_ipv6(datagram);
    return std::nullopt;
}

unsigned Spread::keep_own(std::span<rte_mbuf*> packets, PortIndex port) {
    for (rte_mbuf* packet : packets)
        rte_prefetch0(rte_pktmbuf_mtod(packet, const void*));
    unsigned kept = 0;
    for (rte_mbuf* packet : packets) {
        const auto hash =
            spread_hash({rte_pktmbuf_mtod(packet, const std::uint8_t*), packet->data_len});
        const auto to =
            hash ? static_cast<unsigned>(std::uint64_t{*hash} * rings_.size() >> 32) : own_;
        if (to == own_) {
            packets[kept++] = packet;
            continue;
        }
        packet->port = static_cast<std::uint16_t>(port);
        Batch& batch = batches_[to];
        batch.packets[batch.count++] = packet;
    }
    for (unsigned to = 0; to < batches_.size(); ++to)
        if (batches_[to].count > 0) hand_over(to);
    return kept;
}

void Spread::hand_over(unsigned to) {
    Batch& batch = batches_[to];
    const unsigned sent = rte_ring_enqueue_burst(
        rings_[to], reinterpret_cast<void**>(batch.packets.data()), batch.count, nullptr);
    if (sent < batch.count) {
        const unsigned lost = batch.count - sent;
        counters_.drops[static_cast<std::size_t>(Drop::worker_full)].add(lost);
        rte_pktmbuf_free_bulk(batch.packets.data() + sent, lost);
    }
    counters_.handed_on.add(sent);
    batch.count = 0;
}

Spread::Taken Spread::take(std::array<rte_mbuf*, kMaxBurst>& packets) {
    if (held_from_ == held_to_) {
        held_from_ = 0;
        held_to_ = rte_ring_dequeue_burst(rings_[own_], reinterpret_cast<void**>(held_.data()),
                                          kMaxBurst, nullptr);
        if (held_to_ == 0) return {};
    }
    Taken taken;
    taken.port = static_cast<PortIndex>(held_[held_from_]->port);
    while (held_from_ < held_to_ && held_[held_from_]->port == taken.port)
        packets[taken.count++] = held_[held_from_++];
    return taken;
}

}  // namespace usher
