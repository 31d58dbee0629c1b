// SPDX-License-Identifier: BSD-3-Clause
// Packets that the director answers by itself. The answer is written over the packet and goes back
// the way that Linux would send it. A flood gets a bounded number of them (worker.cpp).
#include "dataplane/worker.hpp"

namespace usher {

namespace {

std::size_t room_in(const rte_mbuf* packet) {
    return std::size_t{packet->buf_len} - packet->data_off;
}

}  // namespace

bool Worker::may_refuse() {
    if (refusals_left_ == 0) return false;
    --refusals_left_;
    return true;
}

void Worker::refuse(rte_mbuf* packet, const Headers& headers, IcmpError error, std::uint16_t mtu,
                    Be32 from) {
    if (room_in(packet) < kRefusalRoom || !may_refuse()) return drop(packet, Drop::refusal_limited);
    const std::span<std::uint8_t> room(rte_pktmbuf_mtod(packet, std::uint8_t*), kRefusalRoom);
    answer(packet, write_icmp_error(room, headers, error, mtu, ++ip_id_, from));
}

void Worker::reset(rte_mbuf* packet, const Headers& headers) {
    if (headers.tcp_flags & kRst) return rte_pktmbuf_free(packet);  // never answered (RFC 9293)
    if (room_in(packet) < kRefusalRoom || !may_refuse()) return drop(packet, Drop::refusal_limited);
    const std::span<std::uint8_t> room(rte_pktmbuf_mtod(packet, std::uint8_t*), kRefusalRoom);
    answer(packet, write_tcp_reset(room, headers));
}

void Worker::answer(rte_mbuf* packet, std::size_t length) {
    const auto* frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
    const auto to = load<Be32>(frame + kEthernetHeader + ipv4::kDestination);
    const auto ip_length = static_cast<std::uint16_t>(length - kEthernetHeader);
    packet->data_len = static_cast<std::uint16_t>(length);
    packet->pkt_len = static_cast<std::uint32_t>(length);
    counters_.refused.add(1);

    const Network& network = *snapshot_->network;
    const Network::Way way = network.way_to(to);
    switch (way.kind) {
        case Network::Way::Kind::hop:
            return send(packet, ip_length, network.hop(way.hop));
        case Network::Way::Kind::ask:
            return put_aside(packet, ip_length, way);
        case Network::Way::Kind::none:
            return drop(packet, Drop::no_route);
    }
}

}  // namespace usher
