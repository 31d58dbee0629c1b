// SPDX-License-Identifier: BSD-3-Clause
// The thread that carries packets between the workers' rings and Linux's interfaces (taps), for all
// ports that have one. It runs where it is started, on the control thread's core, as one among
// others: however much Linux sends or is sent, workers do not wait for it. When workers give more
// than it can write, their ring is full and they drop; when Linux sends more than they take,
// Linux's own queue of the interface is full, and `ip -s link` counts what it drops.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/exception_path.hpp"
#include "dataplane/exception_tap.hpp"

struct rte_mempool;

namespace usher {

class ExceptionThread {
  public:
    struct Link {
        const ExceptionTap* tap;
        ExceptionPath* path;
    };
    // mbufs that a path may have in flight: its ring, and the transmit rings of its port.
    static constexpr unsigned kPackets = 4096;

    // `pool`: for what Linux sends, and this thread's alone to take from. All outlive the thread.
    ExceptionThread(std::vector<Link> links, rte_mempool* pool);
    ~ExceptionThread();  // stops

    void start();
    void stop();

  private:
    void run();
    bool turn(const Link& link);
    bool to_linux(const Link& link);
    bool from_linux(const Link& link);
    bool is_idle() const;

    const std::vector<Link> links_;
    rte_mempool* const pool_;
    rte_mbuf* in_hand_ = nullptr;  // for the next frame that Linux sends
    Doze doze_;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace usher
