// SPDX-License-Identifier: BSD-3-Clause
// The workers on their cores: which queues each one has, and their loops. The control thread's.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "dataplane/doze.hpp"
#include "dataplane/port.hpp"
#include "dataplane/worker.hpp"

namespace usher {

struct ForwardingOptions {
    bool sleep = false;   // workers that have nothing to do do not keep their cores busy
    bool spread = false;  // ports with fewer receive queues than workers: shared out by flow
    std::vector<VlanPort> vlans = {};  // numbered behind the ports, whose queues they use
    std::vector<ExceptionPath*> exceptions = {};  // by port; null, or beyond the end: it has none
};

class ForwardingThreads {
  public:
    // One worker for each of `lcores` (DPDK's numbers). Every queue of every port gets one owner;
    // a worker without a transmit queue on a port hands packets to one that has it.
    ForwardingThreads(DataPlane& plane, const std::vector<Port>& ports,
                      std::vector<unsigned> lcores, ForwardingOptions options = {});
    ~ForwardingThreads();  // stops

    void start();
    Ticks now() const { return ticks_.load(std::memory_order_relaxed); }  // of the first worker
    void stop();  // returns when every worker has left its loop

    // While they are stopped: what workers do with a port from the next start() on. Connected, its
    // queues as they are now; disconnected, nothing comes from it, and what goes to it is dropped.
    void connect(PortIndex index, const Port& port);
    void disconnect(PortIndex index);

    std::vector<std::unique_ptr<Worker>>& workers() { return workers_; }
    const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }

  private:
    static int run(void* thread);
    struct Thread {
        Worker* worker;
        ForwardingThreads* all;
        std::unique_ptr<Doze> doze;  // none: it never sleeps
        Ticks now = 0;               // kept for when it is started again: it never goes back
    };
    PortAccess access(unsigned worker, PortIndex index, const Port& port) const;
    void watch_sockets();
    void wake_those_given_to(Worker& worker);
    void sleep(Thread& self);

    const ForwardingOptions options_;
    std::vector<unsigned> lcores_;
    std::vector<const Port*> ports_;
    std::vector<rte_ring*> handovers_;  // by port; none where each worker has a transmit queue
    std::vector<rte_ring*> shares_;     // by worker, when packets are spread
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<Thread> threads_;
    std::atomic<bool> stopping_{false};
    std::atomic<Ticks> ticks_{1};
    bool running_ = false;
};

}  // namespace usher
