// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packets/in_process.hpp"

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>
#include <cstdlib>

namespace usher::test {

namespace {

rte_ring* make_wire() {
    void* memory = std::aligned_alloc(
        64, (static_cast<std::size_t>(rte_ring_get_memsize(1024)) + 63) / 64 * 64);
    auto* ring = static_cast<rte_ring*>(memory);
    rte_ring_init(ring, "wire", 1024, 0);
    return ring;
}

}  // namespace

InProcess::InProcess(DirectorInProcess::Options options) : wires_{make_wire(), make_wire()} {
    options.vlans = true;
    options.ports.assign(1, std::vector<PortAccess>(2));
    for (int i = 0; i < 2; ++i)
        options.ports[0][i].handover = wires_[i];
    box_ = std::make_unique<DirectorInProcess>(options);
}

InProcess::~InProcess() {
    box_.reset();
    for (rte_ring* wire : wires_)
        std::free(wire);
}

std::vector<InProcess::Sent> InProcess::pass(PortIndex port, const std::vector<Frame>& frames,
                                             unsigned burst) {
    for (std::size_t first = 0; first < frames.size(); first += burst) {
        std::vector<rte_mbuf*> packets;
        for (std::size_t i = first; i < std::min(frames.size(), first + burst); ++i) {
            rte_mbuf* packet = rte_pktmbuf_alloc(process_pool());
            char* room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frames[i].size()));
            std::copy(frames[i].begin(), frames[i].end(), room);
            packets.push_back(packet);
        }
        process(port, packets);
    }
    return caught();
}

std::vector<InProcess::Sent> InProcess::pass(PortIndex port,
                                             const std::vector<rte_mbuf*>& packets) {
    process(port, packets);
    return caught();
}

// Online while it works, as in its thread: nothing that it lets go of is used again meanwhile.
void InProcess::process(PortIndex port, const std::vector<rte_mbuf*>& packets) {
    worker().start();
    worker().process(packets, port, box_->now);
    worker().upkeep(box_->now);
    worker().transmit().flush();
    worker().stop();
}

std::vector<InProcess::Sent> InProcess::caught() {
    std::vector<Sent> sent;
    for (PortIndex out = 0; out < 2; ++out) {
        void* taken = nullptr;
        while (rte_ring_dequeue(wires_[out], &taken) == 0) {
            auto* packet = static_cast<rte_mbuf*>(taken);
            const auto* data = rte_pktmbuf_mtod(packet, const std::uint8_t*);
            sent.push_back({out, Frame(data, data + packet->data_len)});
            rte_pktmbuf_free(packet);
        }
    }
    return sent;
}

void InProcess::wait(std::uint32_t s) {
    box_->now += seconds(s);
    worker().sweep_all(box_->now);
}

std::uint64_t InProcess::dropped(Drop reason) const {
    return box_->worker().counters().drops[static_cast<std::size_t>(reason)].read();
}

std::size_t InProcess::packets_in_use() const {
    return rte_mempool_in_use_count(process_pool());
}

}  // namespace usher::test
