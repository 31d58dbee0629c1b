// SPDX-License-Identifier: BSD-3-Clause
// The workers on their cores: which queues each one has, and their loops.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "dataplane/port.hpp"
#include "dataplane/worker.hpp"

namespace usher {

class ForwardingThreads {
  public:
    // One worker for each of `lcores` (DPDK's numbers). Every queue of every port gets one owner;
    // a worker without a transmit queue on a port hands packets to one that has it.
    ForwardingThreads(DataPlane& plane, const std::vector<Port>& ports,
                      std::vector<unsigned> lcores);
    ~ForwardingThreads();  // stops

    void start();
    Ticks now() const { return ticks_.load(std::memory_order_relaxed); }  // of the first worker
    void stop();  // returns when every worker has left its loop

    std::vector<std::unique_ptr<Worker>>& workers() { return workers_; }
    const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }

  private:
    static int run(void* thread);
    struct Thread {
        Worker* worker;
        const std::atomic<bool>* stopping;
        std::atomic<Ticks>* ticks;  // the first worker's only, else none
    };

    std::vector<unsigned> lcores_;
    std::vector<rte_ring*> handovers_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<Thread> threads_;
    std::atomic<bool> stopping_{false};
    std::atomic<Ticks> ticks_{1};
    bool running_ = false;
};

}  // namespace usher
