// SPDX-License-Identifier: BSD-3-Clause
// What passes between the workers and Linux's interface for a port that is all ours: rings, so that
// a worker makes no system call for it. exception_thread.hpp has the other end.
//
//   a worker    -> to_linux   -> the thread writes it to the tap -> spent -> the keeper frees it
//   the keeper  <- from_linux <- the thread reads it from the tap
// The keeper is the one worker that has the port's first receive queue. What goes to Linux comes
// back to it as `spent`, because memory of the workers' pool is freed by workers only: a thread
// that the kernel may interrupt half-way through would make them wait.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <array>
#include <span>

#include "dataplane/doze.hpp"

namespace usher {

class ExceptionPath {
  public:
    // Packets, each way: a burst of Linux's own fits. What comes when it is full is dropped.
    static constexpr unsigned kRoom = 1024;
    // What the keeper takes from Linux in a turn, and frees.
    static constexpr unsigned kBudget = 32;
    using Batch = std::array<rte_mbuf*, kBudget>;

    // `name`: not another path's. Throws when there is no memory.
    explicit ExceptionPath(const std::string& name);
    ~ExceptionPath();  // nobody uses it any more
    ExceptionPath(const ExceptionPath&) = delete;
    ExceptionPath& operator=(const ExceptionPath&) = delete;

    // Any worker. How many there was room for: the first ones.
    unsigned give(std::span<rte_mbuf* const> packets);
    // The keeper.
    unsigned take(Batch& packets) { return dequeue(from_linux_, packets); }
    void free_spent();
    bool nothing_from_linux() const { return rte_ring_empty(from_linux_) != 0; }

    // The thread. take_given: at most as many as give_back has room for.
    unsigned take_given(Batch& packets);
    void give_back(std::span<rte_mbuf* const> packets);
    bool has_room() const { return rte_ring_full(from_linux_) == 0; }
    void put(rte_mbuf* packet) { rte_ring_sp_enqueue(from_linux_, packet); }  // after has_room()
    bool nothing_given() const { return rte_ring_empty(to_linux_) != 0; }
    void set_doze(Doze* doze) { doze_ = doze; }  // the thread's, before any worker starts

  private:
    static unsigned dequeue(rte_ring* ring, Batch& packets);

    rte_ring* to_linux_ = nullptr;    // many producers, one consumer
    rte_ring* spent_ = nullptr;       // one of each
    rte_ring* from_linux_ = nullptr;  // one of each
    Doze* doze_ = nullptr;
};

}  // namespace usher
