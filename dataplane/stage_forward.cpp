// SPDX-License-Identifier: BSD-3-Clause
// Stage 4: where the packet goes, what it must look like there, and off it goes.
#include <rte_ethdev.h>

#include "dataplane/worker.hpp"
#include "nat/header_sum.hpp"
#include "nat/icmp.hpp"
#include "nat/sctp.hpp"

namespace usher {

namespace {

// Whether a packet can go out as it is where datagrams may have `mtu` bytes.
template <Family F>
bool passes(const std::uint8_t* frame, const Headers& headers, std::uint16_t mtu) {
    return !is_at_last_hop<F>(frame) & (headers.ip_length <= mtu);
}

// Of SCTP, the checksum does not follow from what changed; a ping has an id for its ports.
template <Family F>
void translate(std::uint8_t* frame, const Headers& headers, const Flow<F>& answer,
               const RewriteDeltas& deltas) {
    if (headers.protocol == static_cast<std::uint8_t>(Protocol::sctp))
        rewrite_sctp<F>(frame, headers, answer);
    else if (headers.protocol == static_cast<std::uint8_t>(kIcmpProtocol<F>))
        rewrite_echo<F>({frame + kEthernetHeader, headers.ip_length}, headers.l4 - kEthernetHeader,
                        answer.reversed());
    else
        rewrite(frame, headers, answer, deltas);
}

}  // namespace

template <Family F>
void Worker::forward(Burst<F>& burst) {
    const Network& network = *snapshot_->network;
    for (unsigned i = 0; i < burst.count; ++i) {
        const Headers& headers = burst.headers[i];
        const Direction direction = burst.entries[i].direction();
        const ConnectionIndex index = burst.entries[i].index();
        Connection& connection = plane_.table[index];
        count(connection, direction, headers.ip_length);

        const HopIndex hop = remembered_hop(connection, direction, network);
        std::uint8_t* frame = burst.frame(i);
        if (hop == kNoHop || !passes<F>(frame, headers, network.hop(hop).mtu)) [[unlikely]] {
            forward_at_length(burst, i, connection, direction);
            continue;
        }
        rewrite(frame, headers, plane_.table.flow<F>(index, opposite(direction)),
                connection.deltas_for(direction));
        send(burst.packets[i], headers.ip_length, network.hop(hop));
    }
}

// A burst of one packet, which need be neither TCP nor UDP.
template <Family F>
void Worker::forward_alone(Burst<F>& burst) {
    const Entry entry = burst.entries[0];
    Connection& connection = plane_.table[entry.index()];
    count(connection, entry.direction(), burst.headers[0].ip_length);
    forward_at_length(burst, 0, connection, entry.direction());
}

// The next hop is not at hand, or the packet cannot go there as it is.
template <Family F>
void Worker::forward_at_length(Burst<F>& burst, unsigned i, Connection& connection,
                               Direction direction) {
    const Network& network = *snapshot_->network;
    rte_mbuf* packet = burst.packets[i];
    const Headers& headers = burst.headers[i];
    std::uint8_t* frame = burst.frame(i);
    const Flow<F>& answer = plane_.table.flow<F>(burst.entries[i].index(), opposite(direction));
    const Way<F> way = network.way_to<F>(answer.source);
    // Errors about what was sent to an address of ours come from there, as IPVS's do; those about
    // what is only passed on, from the box, as a router's.
    const bool to_us = F == Family::ipv4 && burst.flows[i].destination != answer.source;
    const From from = to_us ? From::destination : From::box;
    if (way.kind == WayKind::none) {
        count_drop(burst, i, Drop::no_route);
        refuse(burst, i, IcmpError::host_unreachable, 0, from);
        return;
    }
    const bool known = way.kind == WayKind::hop;
    if (known)
        connection.hop[static_cast<int>(direction)].store(
            CachedHop(way.hop, network.generation()).bits(), std::memory_order_relaxed);
    const std::uint16_t mtu = known ? network.hop(way.hop).mtu : network.port_mtu(way.port);
    if (passes<F>(frame, headers, mtu)) {
        translate(frame, headers, answer, connection.deltas_for(direction));
        if (known)
            send(packet, headers.ip_length, network.hop(way.hop));
        else
            put_aside(packet, headers.ip_length, way);
    } else if (is_at_last_hop<F>(frame)) {
        count_drop(burst, i, Drop::ttl_exceeded);
        refuse(burst, i, IcmpError::time_exceeded, 0, from);
    } else if (must_not_fragment<F>(frame)) {
        count_drop(burst, i, Drop::too_big);
        refuse(burst, i, IcmpError::fragmentation_needed, mtu, from);
    } else if (!has_right_header_sum<F>(frame)) {
        drop(burst, i, Drop::bad_ip_header);  // its pieces would have right ones
    } else if constexpr (F == Family::ipv4) {
        translate(frame, headers, answer, connection.deltas_for(direction));
        send_in_pieces(packet, headers.ip_length, mtu, way);
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

// A packet that is ready but for its next hop.
template <Family F>
void Worker::send_towards(rte_mbuf* packet, std::uint16_t ip_length,
                          const AddressOf<F>& destination) {
    const Network& network = *snapshot_->network;
    const Way<F> way = network.way_to<F>(destination);
    if (way.kind == WayKind::none) return drop(packet, Drop::no_route);
    const bool known = way.kind == WayKind::hop;
    const std::uint16_t mtu = known ? network.hop(way.hop).mtu : network.port_mtu(way.port);
    if (ip_length > mtu) {
        if constexpr (F == Family::ipv4)
            if (!must_not_fragment<F>(rte_pktmbuf_mtod(packet, const std::uint8_t*)))
                return send_in_pieces(packet, ip_length, mtu, way);
        return drop(packet, Drop::too_big);
    }
    if (known)
        send(packet, ip_length, network.hop(way.hop));
    else
        put_aside<F>(packet, ip_length, way);
}

template <Family F>
void Worker::put_aside(rte_mbuf* packet, std::uint16_t ip_length, const Way<F>& way) {
    if (traces(kTraceNeighbour))
        note(TraceEvent::Kind::neighbour, 0, Flow<F>{{}, way.neighbour, Be16(), Be16()}, way.port);
    rte_mbuf* gives_way =
        neighbours_.put({packet, ip_length, way.port, IpAddress(way.neighbour), now_});
    if (gives_way != nullptr) drop(gives_way, Drop::neighbour_queue_full);
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

template void Worker::forward(Burst<Family::ipv4>&);
template void Worker::forward(Burst<Family::ipv6>&);
template void Worker::forward_alone(Burst<Family::ipv4>&);
template void Worker::forward_alone(Burst<Family::ipv6>&);
template void Worker::put_aside(rte_mbuf*, std::uint16_t, const Way<Family::ipv4>&);
template void Worker::put_aside(rte_mbuf*, std::uint16_t, const Way<Family::ipv6>&);

template void Worker::send_towards<Family::ipv4>(rte_mbuf*, std::uint16_t, const Be32&);
template void Worker::send_towards<Family::ipv6>(rte_mbuf*, std::uint16_t,
                                                 const AddressOf<Family::ipv6>&);

}  // namespace usher
