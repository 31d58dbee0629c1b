// SPDX-License-Identifier: BSD-3-Clause
// Stage 1: where are the headers, whose flow is it, and in which bucket could it be?
#include <rte_prefetch.h>

#include "dataplane/worker.hpp"

namespace usher {

void Worker::read_headers(Burst& burst, std::span<rte_mbuf* const> packets) {
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
        if (const Drop fault = parse_ipv4({frame, packet->data_len}, headers);
            fault != Drop::none) {
            drop(packet, fault);
            continue;
        }
        burst.flows[kept] = read_flow(frame, headers);
        burst.packets[kept] = packet;
        ++kept;
    }
    burst.count = kept;

    for (unsigned i = 0; i < kept; ++i) {
        const std::uint64_t hash = plane_.table.hash(burst.flows[i], burst.headers[i].protocol);
        burst.hashes[i] = hash;
        plane_.table.prefetch(hash);
    }
}

}  // namespace usher
