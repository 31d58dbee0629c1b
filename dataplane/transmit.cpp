// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/transmit.hpp"

namespace usher {

namespace {
// A ring that is full for a moment (a burst of answers) is asked again before packets are lost.
constexpr int kTries = 16;
}  // namespace

unsigned Transmit::hand_on(const PortAccess& port, rte_mbuf** packets, unsigned count) {
    if (port.tx_queue != PortAccess::kNone) {
        const auto queue = static_cast<std::uint16_t>(port.tx_queue);
        return rte_eth_tx_burst(port.id, queue, packets, static_cast<std::uint16_t>(count));
    }
    if (port.handover == nullptr) return 0;
    return rte_ring_enqueue_burst(port.handover, reinterpret_cast<void**>(packets), count, nullptr);
}

void Transmit::flush(PortIndex index) {
    Queue& queue = queues_[index];
    unsigned sent = 0;
    for (int i = 0; i < kTries && sent < queue.count; ++i)
        sent += hand_on(ports_[index], queue.packets.data() + sent, queue.count - sent);
    if (ports_[index].tx_queue != PortAccess::kNone) counters_.forwarded.add(sent);
    if (sent < queue.count) {
        const unsigned lost = queue.count - sent;
        counters_.drops[static_cast<std::size_t>(Drop::transmit_full)].add(lost);
        rte_pktmbuf_free_bulk(queue.packets.data() + sent, lost);
    }
    queue.count = 0;
}

void Transmit::relay() {
    for (PortIndex port = 0; port < ports_.size(); ++port) {
        const PortAccess& access = ports_[port];
        if (access.tx_queue == PortAccess::kNone || access.handover == nullptr) continue;
        std::array<void*, kRoom / 2> taken;
        const unsigned count =
            rte_ring_dequeue_burst(access.handover, taken.data(), taken.size(), nullptr);
        for (unsigned i = 0; i < count; ++i)
            add(port, static_cast<rte_mbuf*>(taken[i]));
    }
}

}  // namespace usher
