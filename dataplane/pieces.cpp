// SPDX-License-Identifier: BSD-3-Clause
// Datagrams that are larger than the way out and may be fragmented (RFC 791): they leave in pieces.
// The cutting is DPDK's rte_ip_frag; each piece is a copy in a buffer of its own, since not every
// driver sends chains.
#define ALLOW_EXPERIMENTAL_API  // the copying variant, marked so since DPDK 21.11
#include <rte_ip.h>
#include <rte_ip_frag.h>

#include "dataplane/worker.hpp"

namespace usher {

namespace {

// Of one datagram: an MTU of 68 bytes, the least there is, makes 32 of 1,500.
constexpr std::uint16_t kMostPieces = 64;

void finish(rte_mbuf* piece) {
    auto* ip = rte_pktmbuf_mtod(piece, rte_ipv4_hdr*);
    ip->hdr_checksum = 0;
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    auto* frame = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(piece, kEthernetHeader));
    store(frame + 12, Be16::from_host(kEtherTypeIpv4));
}

}  // namespace

// The packet is ready but for its size and its next hop, and its header's checksum is right.
void Worker::send_in_pieces(rte_mbuf* packet, std::uint16_t ip_length, std::uint16_t mtu,
                            const Way<Family::ipv4>& way) {
    packet->data_off = static_cast<std::uint16_t>(packet->data_off + kEthernetHeader);
    packet->data_len = ip_length;
    packet->pkt_len = ip_length;
    std::array<rte_mbuf*, kMostPieces> pieces;
    const std::int32_t count =
        rte_ipv4_fragment_copy_nonseg_packet(packet, pieces.data(), kMostPieces, mtu, packet->pool);
    if (count <= 0) return drop(packet, Drop::too_big);
    rte_pktmbuf_free(packet);
    for (rte_mbuf* piece : std::span(pieces.data(), static_cast<std::size_t>(count))) {
        const auto length = static_cast<std::uint16_t>(piece->pkt_len);
        finish(piece);
        if (way.kind == WayKind::hop)
            send(piece, length, snapshot_->network->hop(way.hop));
        else
            put_aside<Family::ipv4>(piece, length, way);
    }
}

}  // namespace usher
