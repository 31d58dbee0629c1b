// SPDX-License-Identifier: BSD-3-Clause
// A build with -Dschedulers=rr,wrr,wlc knows no others.
#include <gtest/gtest.h>

#include "schedulers/registry.hpp"

namespace usher {
namespace {

TEST(LeftOut, IsNotFound) {
    EXPECT_EQ(scheduler_kinds().size(), 3U);
    EXPECT_TRUE(scheduler_exists("rr"));
    EXPECT_TRUE(scheduler_exists("wrr"));
    EXPECT_TRUE(scheduler_exists("wlc"));
    EXPECT_FALSE(scheduler_exists("lc"));
    EXPECT_FALSE(scheduler_exists("r"));
    EXPECT_FALSE(scheduler_exists("rr,wrr"));
    EXPECT_TRUE(scheduler_exists("none"));
    EXPECT_NE(find_scheduler("wrr")->make({}, {}), nullptr);
}

}  // namespace
}  // namespace usher
