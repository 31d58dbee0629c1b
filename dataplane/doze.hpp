// SPDX-License-Identifier: BSD-3-Clause
// How a worker's thread sleeps when nothing comes, and how others wake it. Packets on an AF_XDP
// socket wake it by themselves; other devices cannot, and are looked at again after a moment.
//
// Threads: the sleeper calls is_tired, refreshed and sleep; the rest is anybody's. All times are
// TSC cycles or what they say.
//
// Worked example. Worker 0 puts a packet into a ring that worker 1 empties, fences, and sees that
// worker 1 sleeps: it rings the bell, once. Had worker 1 not said yet that it sleeps, it would look
// at its rings after saying so and find the packet: one of the two always sees the other.
#pragma once

#include <poll.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "nat/unique_fd.hpp"

namespace usher {

class Doze {
  public:
    // For so long nothing must have come before the first sleep: about what a sleep and its wake-up
    // cost, so that waiting never costs more than twice what the better of the two had.
    static constexpr std::chrono::microseconds kPatience{30};
    // With sockets that wake it, it gets up for upkeep only; else the pauses double up to kShort.
    static constexpr std::chrono::microseconds kLong{10'000}, kLight{1'000};
    static constexpr std::chrono::microseconds kShortest{10}, kShort{100};

    // Throws when the kernel gives no descriptor.
    Doze();

    // Before the thread starts, and while it is stopped: the sockets of its receive queues.
    // `complete`: there is one for each of them.
    void watch(const std::vector<int>& sockets, bool complete);

    // Nothing has come for a while, at `now`.
    bool is_tired(std::uint64_t now) const { return now - last_work_ > patience_; }
    void refreshed(std::uint64_t now) {
        last_work_ = now;
        pause_ = kShortest;
    }

    // Says that it sleeps; `is_idle` then looks once more at what others may have put down. Sleeps
    // until a packet, a wake() or the time for upkeep; not at all if `is_idle()` is false. A light
    // sleep is a millisecond at most.
    enum class Depth : std::uint8_t { deep, light };
    template <class IsIdle>
    void sleep(Depth depth, IsIdle is_idle) {
        sleeping_.store(true, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with the one before a wake
        if (is_idle()) wait(depth);
        sleeping_.store(false, std::memory_order_relaxed);
    }

    // After a seq_cst fence, when something was put down for it. Of several that find it asleep one
    // wakes it: until it runs, which may take a while, the others need no system call.
    bool sleeping() const { return sleeping_.load(std::memory_order_relaxed); }
    void wake() {
        if (sleeping_.exchange(false, std::memory_order_relaxed)) ring();
    }
    // Whether it sleeps or not: its next sleep ends at once.
    void ring();

  private:
    void wait(Depth depth);

    std::atomic<bool> sleeping_{false};
    UniqueFd bell_;
    std::vector<pollfd> watched_;  // the bell is the first
    bool complete_ = false;
    const std::uint64_t patience_;
    std::uint64_t last_work_ = 0;
    std::chrono::microseconds pause_{kShortest};
};

}  // namespace usher
