// SPDX-License-Identifier: BSD-3-Clause
// How full each worker is now: what it did in the last second, from counters that only grow.
// Control thread.
#pragma once

#include <cstdint>
#include <vector>

namespace usher {

struct WorkerCounters;

struct WorkerLoad {
    double busy = 0;        // share of time with packets in hand, 0..1
    double asleep = 0;      // share of time
    double burst_fill = 0;  // of the bursts that had packets: 1 is 32 packets, 0..1
    std::uint64_t pps = 0;  // packets a second
};

class WorkerLoads {
  public:
    // Once a second, with the counters of each worker by id.
    void sample(const std::vector<const WorkerCounters*>& workers);

    // Zero before the second sample.
    WorkerLoad of(unsigned worker) const;

  private:
    struct Sample {
        std::uint64_t packets = 0, handled = 0, bursts = 0, busy = 0, asleep = 0, cycles = 0;
    };
    static Sample read(const WorkerCounters& counters);
    std::vector<Sample> before_, now_;
};

}  // namespace usher
