// SPDX-License-Identifier: BSD-3-Clause
// What a worker counts. Each worker writes its own cache lines; the control thread reads them at
// any time and sums. A counter has one writer, so it needs no atomic addition, only atomic stores.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "nat/drop.hpp"

namespace usher {

class Counter {
  public:
    void add(std::uint64_t n) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

// IPVS's statistics of one real server; bytes are those of the IP datagrams.
struct alignas(64) ServerCounters {
    Counter connections;
    Counter in_packets, in_bytes;    // from clients
    Counter out_packets, out_bytes;  // from the server
};
static_assert(sizeof(ServerCounters) == 64);

struct alignas(64) WorkerCounters {
    Counter received, forwarded;  // packets
    Counter bursts, polls;        // with packets; all
    Counter busy_cycles, cycles;  // TSC: spent on packets; since the start
    Counter asleep_cycles;        // of those
    Counter handed_on;            // received packets that are another worker's share
    Counter refused;              // errors and resets that we sent
    Counter evicted;              // half-open connections that gave way
    std::array<Counter, kDropCount> drops;
};

}  // namespace usher
