// SPDX-License-Identifier: BSD-3-Clause
// Stage 4: where the packet goes, what it must look like there, and off it goes.
#include <rte_ethdev.h>

#include "dataplane/worker.hpp"

namespace usher {

namespace {

// Whether a packet can go out as it is where datagrams may have `mtu` bytes.
bool passes(const std::uint8_t* frame, const Headers& headers, std::uint16_t mtu) {
    return (frame[kEthernetHeader + ipv4::kTtl] > 1) & (headers.ip_length <= mtu);
}

bool must_not_fragment(const std::uint8_t* frame) {
    return load<Be16>(frame + kEthernetHeader + ipv4::kFragment).host() & ipv4::kDontFragment;
}

}  // namespace

void Worker::forward(Burst& burst) {
    const Network& network = *snapshot_->network;
    for (unsigned i = 0; i < burst.count; ++i) {
        const Headers& headers = burst.headers[i];
        const Direction direction = burst.entries[i].direction();
        Connection& connection = plane_.table[burst.entries[i].index()];
        count(connection, direction, headers.ip_length);

        const HopIndex hop = remembered_hop(connection, direction, network);
        std::uint8_t* frame = burst.frame(i);
        if (hop == kNoHop || !passes(frame, headers, network.hop(hop).mtu)) [[unlikely]] {
            forward_at_length(burst, i, connection, direction);
            continue;
        }
        rewrite_ipv4(frame, headers, connection.flow(opposite(direction)),
                     connection.deltas_for(direction));
        send(burst.packets[i], headers.ip_length, network.hop(hop));
    }
}

// The next hop is not at hand, or the packet cannot go there as it is.
void Worker::forward_at_length(Burst& burst, unsigned i, Connection& connection,
                               Direction direction) {
    const Network& network = *snapshot_->network;
    rte_mbuf* packet = burst.packets[i];
    const Headers& headers = burst.headers[i];
    std::uint8_t* frame = burst.frame(i);
    const Flow4& answer = connection.flow(opposite(direction));
    const Network::Way way = network.way_to(answer.source);
    if (way.kind == Network::Way::Kind::none) {
        count_drop(burst, i, Drop::no_route);
        refuse(packet, headers, IcmpError::host_unreachable, 0);
        return;
    }
    const bool known = way.kind == Network::Way::Kind::hop;
    if (known)
        connection.hop[static_cast<int>(direction)].store(
            CachedHop(way.hop, network.generation()).bits(), std::memory_order_relaxed);
    const std::uint16_t mtu = known ? network.hop(way.hop).mtu : network.port_mtu(way.port);
    if (passes(frame, headers, mtu)) {
        rewrite_ipv4(frame, headers, answer, connection.deltas_for(direction));
        if (known)
            send(packet, headers.ip_length, network.hop(way.hop));
        else
            put_aside(packet, headers.ip_length, way);
    } else if (frame[kEthernetHeader + ipv4::kTtl] <= 1) {
        count_drop(burst, i, Drop::ttl_exceeded);
        refuse(packet, headers, IcmpError::time_exceeded, 0);
    } else if (must_not_fragment(frame)) {
        count_drop(burst, i, Drop::too_big);
        refuse(packet, headers, IcmpError::fragmentation_needed, mtu);
    } else {
        drop(burst, i, Drop::too_big);
    }
}

// The hop that the connection remembers, if it is still the way.
inline HopIndex Worker::remembered_hop(const Connection& connection, Direction direction,
                                       const Network& network) const {
    const CachedHop cached(
        connection.hop[static_cast<int>(direction)].load(std::memory_order_relaxed));
    const HopIndex hop = cached.hop_in(network.generation());
    return network.is_ready(hop) ? hop : kNoHop;
}

inline void Worker::count(const Connection& connection, Direction direction,
                          std::uint16_t ip_length) {
    ServerCounters& counters = server_counters_[connection.server_slot];
    if (direction == Direction::original) {
        counters.in_packets.add(1);
        counters.in_bytes.add(ip_length);
    } else {
        counters.out_packets.add(1);
        counters.out_bytes.add(ip_length);
    }
}

void Worker::send(rte_mbuf* packet, std::uint16_t ip_length, const Hop& hop) {
    auto* frame = rte_pktmbuf_mtod(packet, std::uint8_t*);
    std::memcpy(frame, &hop, 12);  // destination and source
    // What a NIC padded to 60 bytes is not part of the datagram.
    const auto length = static_cast<std::uint16_t>(kEthernetHeader + ip_length);
    packet->data_len = length;
    packet->pkt_len = length;
    packet->ol_flags = 0;
    transmit_.add(hop.port, packet);
}

void Worker::put_aside(rte_mbuf* packet, std::uint16_t ip_length, const Network::Way& way) {
    if (traces(kTraceNeighbour))
        trace_.note(
            {TraceEvent::Kind::neighbour, 0, 0, {Be32(), way.neighbour, Be16(), Be16()}, way.port});
    if (!neighbours_.put({packet, ip_length, way.port, way.neighbour, now_}))
        drop(packet, Drop::neighbour_queue_full);
}

void Worker::retry_neighbours() {
    const Network& network = *snapshot_->network;
    const bool changed = tried_network_ != network.serial();
    tried_network_ = network.serial();
    neighbours_.sift([&](const NeighbourQueue::Waiting& waiting) {
        if (changed) {
            const HopIndex hop = network.hop_to(waiting.port, waiting.neighbour);
            if (hop != kNoHop) {
                send(waiting.packet, waiting.ip_length, network.hop(hop));
                return false;
            }
        }
        if (now_ - waiting.since < NeighbourQueue::kPatience) return true;
        drop(waiting.packet, Drop::neighbour_failed);
        return false;
    });
}

}  // namespace usher
