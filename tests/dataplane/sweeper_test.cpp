// SPDX-License-Identifier: BSD-3-Clause
// The sweeper as the workers run it, a little each turn: what is over is found within some two
// seconds, what is not is left alone for most of a minute, and no leap of the clock loses anything.
#include "dataplane/sweeper.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace usher {
namespace {

constexpr HashSeed kSeed{1, 2, 3};
constexpr Ticks kLate = seconds(2);

class SweeperTest : public testing::Test {
  protected:
    // As a worker makes one.
    ConnectionIndex add(Ticks timeout) {
        const ConnectionIndex index = list_.allocate();
        Connection& one = plane_.table[index];
        one.last_seen.store(now_);
        one.timeout.store(timeout);
        plane_.due.set(index, now_, timeout);
        one.status.store(kLive);
        return index;
    }
    void end(ConnectionIndex index) {
        plane_.table[index].status.store(0);
        list_.give_back(index);
    }
    void tick(bool each = false) {
        ++now_;
        do
            sweeper_.turn(now_, each, [&](ConnectionIndex index, std::uint32_t, Ticks when) {
                ++looks_[index];
                if (!plane_.table[index].is_expired(when)) return;
                over_[index] = now_;
                end(index);
            });
        while (!sweeper_.done());
    }
    void pass(Ticks ticks) {
        for (Ticks i = 0; i < ticks; ++i)
            tick();
    }

    DataPlane plane_{12, 1, kSeed};
    FreeList list_{plane_.table, plane_.pool, plane_.grace};
    Sweeper sweeper_{plane_, 0};
    Ticks now_ = 1;
    std::map<ConnectionIndex, unsigned> looks_;
    std::map<ConnectionIndex, Ticks> over_;
};

TEST_F(SweeperTest, FindsWhatIsOverSoonAndNotBefore) {
    std::map<ConnectionIndex, Ticks> ends;
    for (const std::uint32_t timeout : {1U, 10U, 59U, 60U, 61U, 120U, 300U, 900U})
        for (int i = 0; i < 50; ++i) {
            pass(1);
            ends[add(seconds(timeout))] = now_ + seconds(timeout);
        }
    pass(seconds(910));
    for (const auto& [index, end] : ends) {
        ASSERT_TRUE(over_.count(index)) << index;
        EXPECT_GT(over_[index], end);
        EXPECT_LE(over_[index], end + kLate);
    }
}

TEST_F(SweeperTest, LeavesTheOthersAloneForAMinute) {
    for (int i = 0; i < 1000; ++i)
        add(seconds(7200));
    pass(seconds(600));
    for (const auto& [index, looks] : looks_)
        EXPECT_LE(looks, 11U) << index;
    EXPECT_TRUE(over_.empty());
}

TEST_F(SweeperTest, AConnectionThatIsUsedLivesOn) {
    const ConnectionIndex used = add(seconds(30));
    for (int i = 0; i < 40; ++i) {
        pass(seconds(20));
        plane_.table[used].last_seen.store(now_);
    }
    EXPECT_TRUE(over_.empty());
    const Ticks end = now_ + seconds(30);
    pass(seconds(40));
    ASSERT_TRUE(over_.count(used));
    EXPECT_LE(over_[used], end + kLate);
}

TEST_F(SweeperTest, AShorterTimeoutCounts) {
    const ConnectionIndex closing = add(seconds(900));
    pass(seconds(100));
    plane_.table[closing].last_seen.store(now_);
    plane_.table[closing].timeout.store(seconds(10));
    plane_.due.set(closing, now_, seconds(10));
    const Ticks end = now_ + seconds(10);
    pass(seconds(20));
    ASSERT_TRUE(over_.count(closing));
    EXPECT_LE(over_[closing], end + kLate);
}

// The bytes go round in 256 seconds.
TEST_F(SweeperTest, AClockThatLeapsLosesNothing) {
    for (const std::uint32_t leap : {61U, 130U, 200U, 255U, 256U, 5000U}) {
        std::vector<ConnectionIndex> ones;
        for (int i = 0; i < 100; ++i)
            ones.push_back(add(seconds(30)));
        pass(seconds(3));
        now_ += seconds(leap);
        pass(seconds(3));
        for (const ConnectionIndex index : ones)
            EXPECT_TRUE(over_.count(index)) << leap;
        over_.clear();
    }
}

TEST_F(SweeperTest, LooksAtEachWhenAsked) {
    for (int i = 0; i < 100; ++i)
        add(seconds(7200));
    for (Ticks i = 0; i < seconds(5); ++i)
        tick(true);
    ASSERT_EQ(looks_.size(), 100U);
    for (const auto& [index, looks] : looks_)
        EXPECT_GE(looks, 4U) << index;
}

// From wherever it is; and what comes meanwhile takes nothing from it.
TEST_F(SweeperTest, ARoundLooksAtEachOnce) {
    for (int i = 0; i < 1000; ++i)
        add(seconds(7200));
    for (const Ticks ahead : {Ticks{0}, Ticks{3}, Ticks{7}}) {
        pass(ahead);
        looks_.clear();
        sweeper_.begin_round();
        for (Ticks i = 0; i < seconds(3) && sweeper_.in_round(); ++i) {
            tick();
            for (int more = 0; more < 20; ++more)
                add(seconds(7200));
        }
        EXPECT_FALSE(sweeper_.in_round());
        for (ConnectionIndex index = 0; index < 1000; ++index) {
            EXPECT_GE(looks_[index], 1U) << index;
            EXPECT_LE(looks_[index], 2U) << index;
        }
    }
}

TEST(SweeperShares, TwoWorkersLookAtEverything) {
    DataPlane plane(12, 2, kSeed);
    FreeList list(plane.table, plane.pool, plane.grace);
    std::map<ConnectionIndex, unsigned> looks;
    for (int i = 0; i < 1000; ++i) {
        const ConnectionIndex index = list.allocate();
        plane.table[index].last_seen.store(1);
        plane.table[index].timeout.store(0);
        plane.due.set(index, 1, 0);
        plane.table[index].status.store(kLive);
        looks[index] = 0;
    }
    Sweeper sweepers[] = {{plane, 0}, {plane, 1}};
    for (Ticks now = 1; now < seconds(3); ++now)
        for (Sweeper& each : sweepers)
            do
                each.turn(now, false,
                          [&](ConnectionIndex index, std::uint32_t, Ticks) { ++looks[index]; });
            while (!each.done());
    for (const auto& [index, count] : looks)
        EXPECT_GE(count, 1U) << index;
}

}  // namespace
}  // namespace usher
