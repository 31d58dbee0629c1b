// SPDX-License-Identifier: BSD-3-Clause
#include "control/worker_load.hpp"

#include <rte_cycles.h>

#include <cmath>

#include "dataplane/burst.hpp"
#include "dataplane/counters.hpp"

namespace usher {

WorkerLoads::Sample WorkerLoads::read(const WorkerCounters& counters) {
    const std::uint64_t packets = counters.received.read();
    return {packets,
            packets + counters.handed_on.read(),
            counters.bursts.read(),
            counters.busy_cycles.read(),
            counters.asleep_cycles.read(),
            counters.cycles.read()};
}

void WorkerLoads::sample(const std::vector<const WorkerCounters*>& workers) {
    before_ = std::move(now_);
    now_.clear();
    for (const WorkerCounters* counters : workers)
        now_.push_back(read(*counters));
}

WorkerLoad WorkerLoads::of(unsigned worker) const {
    if (worker >= before_.size() || worker >= now_.size()) return {};
    const Sample& from = before_[worker];
    const Sample& to = now_[worker];
    const auto difference = [](std::uint64_t a, std::uint64_t b) {
        return static_cast<double>(b - a);
    };
    const double cycles = difference(from.cycles, to.cycles);
    const double bursts = difference(from.bursts, to.bursts);
    WorkerLoad load;
    if (cycles > 0) {
        load.busy = difference(from.busy, to.busy) / cycles;
        load.asleep = difference(from.asleep, to.asleep) / cycles;
        const double seconds = cycles / static_cast<double>(rte_get_tsc_hz());
        load.pps = static_cast<std::uint64_t>(
            std::llround(difference(from.packets, to.packets) / seconds));
    }
    if (bursts > 0) load.burst_fill = difference(from.handled, to.handled) / bursts / kMaxBurst;
    return load;
}

}  // namespace usher
