// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/cores.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>

namespace usher {
namespace {

// A process that was started without an isolated core could not name it, which was what it was
// isolated for.
TEST(Cores, WhatWasNotInheritedMayBeNamed) {
    const std::vector<unsigned> all = inherited_cores();
    if (all.size() < 2) GTEST_SKIP() << "one core only";
    cpu_set_t before, one;
    sched_getaffinity(0, sizeof before, &before);
    CPU_ZERO(&one);
    CPU_SET(all.front(), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    const std::vector<unsigned> permitted = permitted_cores();
    EXPECT_EQ(inherited_cores(), std::vector{all.front()}) << "as before";
    sched_setaffinity(0, sizeof before, &before);
    for (const unsigned core : all)
        EXPECT_NE(std::find(permitted.begin(), permitted.end(), core), permitted.end()) << core;
}

}  // namespace
}  // namespace usher
