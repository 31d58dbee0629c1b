// SPDX-License-Identifier: BSD-3-Clause
#include "tools/benchmark/sink.hpp"

namespace usher::bench {

Sink::Sink(std::uint16_t port_id) : id_(port_id) {
    state_.queue = &state_;
    struct rte_eth_fp_ops& ops = rte_eth_fp_ops[id_];
    ops.tx_pkt_burst = swallow;
    ops.txq.data = &state_.queue;
    ops.txq.clbk = &state_.callback;
}

std::uint16_t Sink::swallow(void* queue, rte_mbuf**, std::uint16_t count) {
    static_cast<State*>(queue)->packets += count;
    return count;
}

PortAccess Sink::access() const {
    PortAccess access;
    access.id = id_;
    access.tx_queue = 0;
    return access;
}

}  // namespace usher::bench
