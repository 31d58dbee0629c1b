// SPDX-License-Identifier: BSD-3-Clause
// Stage 1: where are the headers, whose flow is it, and in which bucket could it be?
#include <rte_prefetch.h>

#include "dataplane/worker.hpp"

namespace usher {

// Takes a packet that is not of the family at hand, or needs more than a rewrite.
template <Family F>
bool Worker::set_aside(rte_mbuf* packet, Drop fault) {
    const auto* frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
    if (fault == Drop::fragment || fault == Drop::unknown_protocol) {
        set_aside_[set_aside_count_++] = packet;
        return true;
    }
    if (F == Family::ipv6 || fault != Drop::not_ip) return false;
    if (has_vlan_tag(packet) && vlans_.knows(vlan_of(packet))) {
        tagged_[tagged_count_++] = packet;
        return true;
    }
    if (load<Be16>(frame + 12) != Be16::from_host(kEtherTypeIpv6)) return false;
    ipv6_[ipv6_count_++] = packet;
    return true;
}

template <Family F>
void Worker::read_headers(Burst<F>& burst, std::span<rte_mbuf* const> packets) {
    for (rte_mbuf* packet : packets)
        rte_prefetch0(rte_pktmbuf_mtod(packet, void*));

    unsigned kept = 0;
    for (rte_mbuf* packet : packets) {
        if (packet->nb_segs != 1) {
            drop(packet, Drop::segmented);
            continue;
        }
        const auto* frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
        Headers& headers = burst.headers[kept];
        if (const Drop fault = parse<F>({frame, packet->data_len}, headers); fault != Drop::none)
            [[unlikely]] {
            if (!set_aside<F>(packet, fault)) drop(packet, fault);
            continue;
        }
        burst.flows[kept] = read_flow<F>(frame, headers);
        burst.packets[kept] = packet;
        ++kept;
    }
    burst.count = kept;

    for (unsigned i = 0; i < kept; ++i) {
        const std::uint64_t hash =
            plane_.table.hash(burst.flows[i], filed_under<F>(burst.headers[i].protocol));
        burst.hashes[i] = hash;
        plane_.table.prefetch(hash);
    }
}

template void Worker::read_headers(Burst<Family::ipv4>&, std::span<rte_mbuf* const>);
template void Worker::read_headers(Burst<Family::ipv6>&, std::span<rte_mbuf* const>);

}  // namespace usher
