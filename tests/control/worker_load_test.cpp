// SPDX-License-Identifier: BSD-3-Clause
#include "control/worker_load.hpp"

#include <gtest/gtest.h>
#include <rte_cycles.h>

#include "dataplane/counters.hpp"

namespace usher {
namespace {

TEST(WorkerLoads, are_of_the_time_between_two_samples) {
    WorkerCounters counters;
    WorkerLoads loads;
    counters.received.add(1'000'000);
    counters.cycles.add(5'000);
    loads.sample({&counters});
    EXPECT_EQ(loads.of(0).pps, 0U);
    EXPECT_EQ(loads.of(0).busy, 0);

    counters.received.add(64);
    counters.handed_on.add(64);
    counters.bursts.add(8);
    counters.cycles.add(1'000);
    counters.busy_cycles.add(250);
    counters.asleep_cycles.add(500);
    loads.sample({&counters});
    const WorkerLoad load = loads.of(0);
    EXPECT_DOUBLE_EQ(load.busy, 0.25);
    EXPECT_DOUBLE_EQ(load.asleep, 0.5);
    EXPECT_DOUBLE_EQ(load.burst_fill, 0.5);  // 16 of 32

    loads.sample({&counters});
    EXPECT_EQ(loads.of(0).burst_fill, 0);
    EXPECT_EQ(loads.of(1).busy, 0);  // there is no such worker
}

}  // namespace
}  // namespace usher
