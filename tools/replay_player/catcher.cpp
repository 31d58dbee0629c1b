// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/catcher.hpp"

#include <utility>

namespace usher::replay {

Catcher::Catcher(std::uint16_t port_id) : id_(port_id) {
    state_.queue = &state_;
    struct rte_eth_fp_ops& ops = rte_eth_fp_ops[id_];
    ops.tx_pkt_burst = keep;
    ops.txq.data = &state_.queue;
    ops.txq.clbk = &state_.callback;
}

Catcher::~Catcher() {
    for (rte_mbuf* packet : state_.packets)
        rte_pktmbuf_free(packet);
}

std::uint16_t Catcher::keep(void* queue, rte_mbuf** packets, std::uint16_t count) {
    auto& kept = static_cast<State*>(queue)->packets;
    kept.insert(kept.end(), packets, packets + count);
    return count;
}

PortAccess Catcher::access() const {
    PortAccess access;
    access.id = id_;
    access.tx_queue = 0;
    return access;
}

std::vector<rte_mbuf*> Catcher::take() {
    return std::exchange(state_.packets, {});
}

}  // namespace usher::replay
