// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/forwarding_threads.hpp"

#include <rte_cycles.h>
#include <rte_launch.h>

#include <stdexcept>

#include "dataplane/privileges.hpp"

namespace usher {

namespace {

constexpr unsigned kHandoverRoom = 4096;

rte_ring* make_handover(std::size_t port) {
    const std::string name = "handover" + std::to_string(port);
    rte_ring* ring = rte_ring_create(name.c_str(), kHandoverRoom, SOCKET_ID_ANY, RING_F_SC_DEQ);
    if (ring == nullptr) throw std::runtime_error("no memory for the ring " + name);
    return ring;
}

}  // namespace

ForwardingThreads::ForwardingThreads(DataPlane& plane, const std::vector<Port>& ports,
                                     std::vector<unsigned> lcores)
    : lcores_(std::move(lcores)) {
    const auto count = static_cast<unsigned>(lcores_.size());
    for (std::size_t port = 0; port < ports.size(); ++port)
        handovers_.push_back(ports[port].tx_queues() < count ? make_handover(port) : nullptr);

    for (unsigned id = 0; id < count; ++id) {
        std::vector<PortAccess> access(ports.size());
        for (std::size_t port = 0; port < ports.size(); ++port) {
            // Queue q belongs to worker (port + q) mod count: with one queue each, the ports are
            // spread over the workers.
            const unsigned queue = (id + count - static_cast<unsigned>(port) % count) % count;
            access[port].id = ports[port].id();
            if (queue < ports[port].rx_queues()) access[port].rx_queue = static_cast<int>(queue);
            if (queue < ports[port].tx_queues()) access[port].tx_queue = static_cast<int>(queue);
            // Queue 0's owner empties the ring.
            if (queue == 0 || access[port].tx_queue == PortAccess::kNone)
                access[port].handover = handovers_[port];
        }
        workers_.push_back(std::make_unique<Worker>(plane, id, std::move(access)));
        threads_.push_back({workers_.back().get(), &stopping_, id == 0 ? &ticks_ : nullptr});
    }
}

ForwardingThreads::~ForwardingThreads() {
    stop();
    for (rte_ring* ring : handovers_) {
        if (ring == nullptr) continue;
        void* packet = nullptr;
        while (rte_ring_dequeue(ring, &packet) == 0)
            rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
        rte_ring_free(ring);
    }
}

void ForwardingThreads::start() {
    stopping_.store(false, std::memory_order_relaxed);
    running_ = true;  // those that do start are waited for
    for (std::size_t i = 0; i < lcores_.size(); ++i)
        if (rte_eal_remote_launch(run, &threads_[i], lcores_[i]) != 0)
            throw std::runtime_error("lcore " + std::to_string(lcores_[i]) + " does not start");
}

void ForwardingThreads::stop() {
    if (!running_) return;
    stopping_.store(true, std::memory_order_relaxed);
    for (const unsigned lcore : lcores_)
        rte_eal_wait_lcore(lcore);
    running_ = false;
}

int ForwardingThreads::run(void* thread) {
    const Thread& self = *static_cast<Thread*>(thread);
    if (!give_up_all_privileges()) return -1;
    Worker& worker = *self.worker;
    WorkerCounters& counters = worker.counters();
    const std::uint64_t tick = rte_get_tsc_hz() / kTicksPerSecond;
    std::uint64_t turn = rte_rdtsc();
    std::uint64_t next_tick = turn + tick;
    Ticks now = 1;

    worker.start();
    while (!self.stopping->load(std::memory_order_relaxed)) {
        for (; turn >= next_tick; next_tick += tick) {
            ++now;
            if (self.ticks != nullptr) self.ticks->store(now, std::memory_order_relaxed);
        }
        const unsigned received = worker.poll(now);
        worker.quiescent();
        const std::uint64_t end = rte_rdtsc();
        counters.cycles.add(end - turn);
        if (received > 0) counters.busy_cycles.add(end - turn);
        turn = end;
    }
    worker.stop();
    return 0;
}

}  // namespace usher
