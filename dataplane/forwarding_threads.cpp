// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/forwarding_threads.hpp"

#include <rte_cycles.h>
#include <rte_launch.h>
#include <sys/prctl.h>

#include <stdexcept>

#include "dataplane/privileges.hpp"

namespace usher {

namespace {

constexpr unsigned kRingRoom = 4096;

rte_ring* make_ring(const std::string& name) {
    rte_ring* ring = rte_ring_create(name.c_str(), kRingRoom, SOCKET_ID_ANY, RING_F_SC_DEQ);
    if (ring == nullptr)
        throw std::runtime_error("no memory for the ring " + name +
                                 "; have more memory, or fewer interfaces or workers");
    return ring;
}

void empty(rte_ring* ring) {
    void* packet = nullptr;
    while (ring != nullptr && rte_ring_dequeue(ring, &packet) == 0)
        rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
}

void free_ring(rte_ring* ring) {
    empty(ring);
    rte_ring_free(ring);  // which may be none
}

}  // namespace

ForwardingThreads::ForwardingThreads(DataPlane& plane, const std::vector<Port>& ports,
                                     std::vector<unsigned> lcores, ForwardingOptions options)
    : options_(std::move(options)), lcores_(std::move(lcores)) {
    const auto count = static_cast<unsigned>(lcores_.size());
    for (std::size_t i = 0; i < ports.size(); ++i) {
        ports_.push_back(&ports[i]);
        handovers_.push_back(count > 1 ? make_ring("handover" + std::to_string(i)) : nullptr);
    }
    const bool spreads = options_.spread && count > 1;
    for (unsigned id = 0; spreads && id < count; ++id)
        shares_.push_back(make_ring("share" + std::to_string(id)));

    for (unsigned id = 0; id < count; ++id) {
        std::vector<PortAccess> all;
        for (std::size_t i = 0; i < ports.size(); ++i)
            all.push_back(access(id, static_cast<PortIndex>(i), ports[i]));
        auto worker = std::make_unique<Worker>(plane, id, std::move(all), options_.vlans);
        if (spreads) worker->set_spread(std::make_unique<Spread>(shares_, id, worker->counters()));
        threads_.push_back(
            {worker.get(), this, options_.sleep ? std::make_unique<Doze>() : nullptr});
        workers_.push_back(std::move(worker));
    }
}

ForwardingThreads::~ForwardingThreads() {
    stop();
    for (rte_ring* ring : handovers_)
        free_ring(ring);
    for (rte_ring* ring : shares_)
        free_ring(ring);
}

// Queue q belongs to worker (port + q) mod count: with one queue each, the ports are spread over
// the workers; with more queues than workers, each has several.
PortAccess ForwardingThreads::access(unsigned worker, PortIndex index, const Port& port) const {
    const auto count = static_cast<unsigned>(lcores_.size());
    const unsigned queue = (worker + count - index % count) % count;
    PortAccess access;
    access.id = port.id();
    if (index < options_.exceptions.size()) access.exception = options_.exceptions[index];
    access.keeps_exception = access.exception != nullptr && queue == 0;
    access.rx_begin = static_cast<int>(queue);
    access.rx_end = port.rx_queues();
    access.rx_stride = static_cast<int>(count);
    access.spread = !shares_.empty() && port.rx_queues() < count;
    if (queue < port.tx_queues()) access.tx_queue = static_cast<int>(queue);
    // Queue 0's owner empties the ring.
    if (queue == 0 || access.tx_queue == PortAccess::kNone) access.handover = handovers_[index];
    return access;
}

void ForwardingThreads::connect(PortIndex index, const Port& port) {
    for (const auto& worker : workers_)
        worker->transmit().set_port(index, access(worker->id(), index, port));
}

void ForwardingThreads::disconnect(PortIndex index) {
    for (const auto& worker : workers_)
        worker->transmit().set_port(index, {});
    empty(handovers_[index]);  // when it is back, its neighbours may be others
}

void ForwardingThreads::watch_sockets() {
    for (Thread& thread : threads_) {
        if (thread.doze == nullptr) continue;
        std::vector<int> sockets;
        bool complete = true;
        for (std::size_t i = 0; i < ports_.size(); ++i) {
            const PortAccess& access = thread.worker->transmit().ports()[i];
            for (int queue = access.rx_begin; queue < access.rx_end; queue += access.rx_stride) {
                const int socket = ports_[i]->socket(static_cast<unsigned>(queue));
                complete = complete && socket >= 0;
                if (socket >= 0) sockets.push_back(socket);
            }
        }
        thread.doze->watch(sockets, complete);
    }
}

void ForwardingThreads::start() {
    stopping_.store(false, std::memory_order_relaxed);
    watch_sockets();
    running_ = true;  // those that do start are waited for
    for (std::size_t i = 0; i < lcores_.size(); ++i)
        if (rte_eal_remote_launch(run, &threads_[i], lcores_[i]) != 0)
            throw std::runtime_error("worker " + std::to_string(i) +
                                     " does not start: its thread is not free; start usherd again");
}

void ForwardingThreads::stop() {
    if (!running_) return;
    stopping_.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    for (const Thread& thread : threads_)
        if (thread.doze != nullptr) thread.doze->ring();
    for (const unsigned lcore : lcores_)
        rte_eal_wait_lcore(lcore);
    running_ = false;
}

// Packets for a queue, or of a share, that is another worker's.
void ForwardingThreads::wake_those_given_to(Worker& worker) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    for (std::size_t i = 0; i < handovers_.size(); ++i) {
        const Thread& owner = threads_[i % threads_.size()];
        if (owner.worker != &worker && owner.doze->sleeping() && !rte_ring_empty(handovers_[i]))
            owner.doze->wake();
    }
    for (std::size_t id = 0; id < shares_.size(); ++id) {
        const Thread& owner = threads_[id];
        if (owner.worker != &worker && owner.doze->sleeping() && !rte_ring_empty(shares_[id]))
            owner.doze->wake();
    }
}

// Nobody waits for a worker that sleeps: it is offline, as one that has ended.
void ForwardingThreads::sleep(Thread& self) {
    Worker& worker = *self.worker;
    const auto depth = worker.waits_for_news() ? Doze::Depth::light : Doze::Depth::deep;
    worker.stop();
    self.doze->sleep(
        depth, [&] { return worker.is_at_rest() && !stopping_.load(std::memory_order_relaxed); });
    worker.start();
}

int ForwardingThreads::run(void* thread) {
    Thread& self = *static_cast<Thread*>(thread);
    ForwardingThreads& all = *self.all;
    if (!give_up_all_privileges()) return -1;
    prctl(PR_SET_TIMERSLACK, 1000UL);  // ns; pauses are short
    Worker& worker = *self.worker;
    WorkerCounters& counters = worker.counters();
    const std::uint64_t tick = rte_get_tsc_hz() / kTicksPerSecond;
    const bool several = all.threads_.size() > 1;
    std::uint64_t turn = rte_rdtsc();
    std::uint64_t next_tick = turn + tick;
    Ticks& now = self.now;
    if (const Ticks first = all.ticks_.load(std::memory_order_relaxed);
        static_cast<std::int32_t>(first - now) > 0)
        now = first;

    worker.start();
    while (!all.stopping_.load(std::memory_order_relaxed)) {
        for (; turn >= next_tick; next_tick += tick) {
            ++now;
            if (worker.id() == 0) all.ticks_.store(now, std::memory_order_relaxed);
        }
        // What waited for a neighbour may be handed over though nothing came.
        const bool waited = worker.waits_for_news();
        const unsigned handled = worker.poll(now);
        worker.quiescent();
        std::uint64_t end = rte_rdtsc();
        counters.cycles.add(end - turn);
        if (handled > 0) counters.busy_cycles.add(end - turn);
        turn = end;
        if (self.doze == nullptr) continue;
        if (several && (handled > 0 || waited)) all.wake_those_given_to(worker);
        if (handled > 0) {
            self.doze->refreshed(end);
        } else if (self.doze->is_tired(end) && worker.is_at_rest()) {
            all.sleep(self);
            end = rte_rdtsc();
            counters.cycles.add(end - turn);
            counters.asleep_cycles.add(end - turn);
            turn = end;
        }
    }
    worker.stop();
    return 0;
}

}  // namespace usher
