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
        const Headers headers = parse_ipv4({frame, packet->data_len});
        if (headers.fault != Drop::none) {
            drop(packet, headers.fault);
            continue;
        }
        const Flow4 flow = read_flow(frame, headers);
        const std::uint64_t hash = plane_.table.hash(flow, headers.protocol);
        plane_.table.prefetch(hash);
        burst.packets[kept] = packet;
        burst.headers[kept] = headers;
        burst.flows[kept] = flow;
        burst.hashes[kept] = hash;
        ++kept;
    }
    burst.count = kept;
}

}  // namespace usher
