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

// A VLAN's packets get their tag and go by its parent's queue.
const PortAccess& Transmit::prepare(PortIndex port, Queue& queue) {
    if (port < ports_.size()) return ports_[port];
    const VlanPort& vlan = vlans_[port - ports_.size()];
    unsigned tagged = 0;
    for (unsigned i = 0; i < queue.count; ++i) {
        if (put_tag_on(queue.packets[i], vlan.id))
            queue.packets[tagged++] = queue.packets[i];
        else
            rte_pktmbuf_free(queue.packets[i]);
    }
    if (tagged < queue.count)
        counters_.drops[static_cast<std::size_t>(Drop::transmit_full)].add(queue.count - tagged);
    queue.count = tagged;
    return ports_[vlan.parent];
}

void Transmit::flush(PortIndex index) {
    Queue& queue = queues_[index];
    const PortAccess& access = prepare(index, queue);
    unsigned sent = 0;
    for (int i = 0; i < kTries && sent < queue.count; ++i)
        sent += hand_on(access, queue.packets.data() + sent, queue.count - sent);
    if (access.tx_queue != PortAccess::kNone) counters_.forwarded.add(sent);
    if (sent < queue.count) {
        const unsigned lost = queue.count - sent;
        counters_.drops[static_cast<std::size_t>(Drop::transmit_full)].add(lost);
        rte_pktmbuf_free_bulk(queue.packets.data() + sent, lost);
    }
    queue.count = 0;
}

unsigned Transmit::relay() {
    unsigned sum = 0;
    for (PortIndex port = 0; port < ports_.size(); ++port) {
        const PortAccess& access = ports_[port];
        if (access.keeps_exception) sum += relay_exception(port);
        if (access.tx_queue == PortAccess::kNone || access.handover == nullptr) continue;
        std::array<void*, kRoom / 2> taken;
        const unsigned count =
            rte_ring_dequeue_burst(access.handover, taken.data(), taken.size(), nullptr);
        for (unsigned i = 0; i < count; ++i)
            add(port, static_cast<rte_mbuf*>(taken[i]));
        sum += count;
    }
    return sum;
}

unsigned Transmit::relay_exception(PortIndex port) {
    ExceptionPath& path = *ports_[port].exception;
    path.free_spent();
    ExceptionPath::Batch packets;
    const unsigned count = path.take(packets);
    for (unsigned i = 0; i < count; ++i)
        add(port, packets[i]);
    return count;
}

bool Transmit::nothing_handed_over() const {
    for (const PortAccess& access : ports_)
        if (access.keeps_exception && !access.exception->nothing_from_linux()) return false;
    for (const PortAccess& access : ports_)
        if (access.tx_queue != PortAccess::kNone && access.handover != nullptr &&
            !rte_ring_empty(access.handover))
            return false;
    return true;
}

}  // namespace usher
