// SPDX-License-Identifier: BSD-3-Clause
// rr and wrr against IPVS's own rules. The vectors of wrr are recorded from ip_vs_wrr.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "tests/schedulers/table.hpp"

namespace usher {
namespace {

TEST(RoundRobin, TakesTurnsAndSkipsWeightZero) {
    EXPECT_EQ(Table("rr", {1, 5, 9}).picks(5), (Picks{0, 1, 2, 0, 1}));
    EXPECT_EQ(Table("rr", {1, 0, 9}).picks(4), (Picks{0, 2, 0, 2}));
    EXPECT_EQ(Table("rr", {0, 0}).pick(), kNoServer);
    EXPECT_EQ(Table("rr", {}).pick(), kNoServer);
}

TEST(RoundRobin, ReachesANewServerAtTheWrap) {
    Table table("rr", {1, 1, 1});
    EXPECT_EQ(table.picks(2), (Picks{0, 1}));
    table.change({1, 1, 1, 1}, {3, 0, 1, 2});  // slot 3 is new, at the head
    EXPECT_EQ(table.picks(3), (Picks{3, 0, 1}));
}

TEST(RoundRobin, GoesOnFromThePredecessorOfADeletedServer) {
    Table table("rr", {1, 1, 1, 1});
    EXPECT_EQ(table.picks(3), (Picks{0, 1, 2}));
    table.change({1, 1, 1}, {0, 1, 3});
    EXPECT_EQ(table.picks(2), (Picks{2, 0}));
    table.change({1}, {3});  // the last used and all before it are gone: from the head
    EXPECT_EQ(table.pick(), 0);
}

TEST(WeightedRoundRobin, InterleavesAsRecorded) {
    EXPECT_EQ(Table("wrr", {4, 3, 2}).picks(9), (Picks{0, 0, 1, 0, 1, 2, 0, 1, 2}));
    EXPECT_EQ(Table("wrr", {1, 2, 3}).picks(6), (Picks{2, 1, 2, 0, 1, 2}));
    EXPECT_EQ(Table("wrr", {100, 50, 50}).picks(4), (Picks{0, 0, 1, 2}));
    EXPECT_EQ(Table("wrr", {0, 7, 0}).picks(3), (Picks{1, 1, 1}));
    EXPECT_EQ(Table("wrr", {0, 0}).pick(), kNoServer);
}

TEST(WeightedRoundRobin, GivesEachExactlyItsShare) {
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
        std::vector<std::uint32_t> weights(1 + random() % 20);
        for (std::uint32_t& weight : weights)
            weight = random() % 12;
        const std::uint32_t sum = std::accumulate(weights.begin(), weights.end(), 0U);
        if (sum == 0) continue;
        std::vector<std::uint32_t> got(weights.size());
        Table table("wrr", weights);
        for (std::uint32_t i = 0; i < sum; ++i)
            ++got[static_cast<std::size_t>(table.pick())];
        EXPECT_EQ(got, weights);
    }
}

// ip_vs_wrr as its rules are written down, one server after the other.
TEST(WeightedRoundRobin, AgreesWithThePlainWalkOverChanges) {
    std::mt19937 random(11);
    std::vector<std::uint32_t> weights{3, 1, 2};
    std::vector<std::uint32_t> slots{0, 1, 2};
    Table table("wrr", weights);
    std::uint32_t step = 1, top = 3, bar = 3;
    std::size_t next = 0;
    for (int i = 0; i < 20000; ++i) {
        if (random() % 10 == 0) {
            for (std::uint32_t& weight : weights)
                weight = random() % 3 ? random() % 9 * 3 : random() % 5;
            table.change(weights, slots);
            step = 0;
            for (const std::uint32_t weight : weights)
                step = std::gcd(step, weight);
            const std::uint32_t greatest = *std::max_element(weights.begin(), weights.end());
            top = greatest == 0 ? 0 : greatest - (step - 1);
            if (bar > top || bar == 0)
                bar = top;
            else if (step > 1)
                bar = bar / step * step + 1;
            next = 0;
        }
        int expected = kNoServer;
        while (top > 0 && expected == kNoServer) {
            if (next == weights.size()) {
                next = 0;
                bar = bar > step ? bar - step : top;
            }
            if (weights[next] >= bar) expected = static_cast<int>(next);
            ++next;
        }
        ASSERT_EQ(table.pick(), expected) << "decision " << i;
    }
}

TEST(WeightedRoundRobin, TakesTheGreatestWeightsThereAre) {
    Table table("wrr", {2147483647, 1});
    for (int i = 0; i < 1000; ++i)
        EXPECT_EQ(table.pick(), 0);
}

TEST(RoundRobin, PassesOverOverloadedServers) {
    Table table("rr", {1, 1, 1});
    table.set_overloaded(1, true);
    EXPECT_EQ(table.picks(4), (Picks{0, 2, 0, 2}));
    table.set_overloaded(1, false);
    EXPECT_EQ(table.picks(2), (Picks{0, 1}));
    for (std::size_t slot = 0; slot < 3; ++slot)
        table.set_overloaded(slot, true);
    EXPECT_EQ(table.pick(), kNoServer);
    table.set_overloaded(0, false);
    table.set_overloaded(2, false);
    EXPECT_EQ(table.pick(), 2);  // goes on where it was
}

// With weights 4, 3, 2 and the first overloaded the bars are the same, and those that nobody
// reaches pass without a decision.
TEST(WeightedRoundRobin, PassesOverOverloadedServers) {
    Table table("wrr", {4, 3, 2});
    table.set_overloaded(0, true);
    EXPECT_EQ(table.picks(6), (Picks{1, 1, 2, 1, 2, 1}));
    table.set_overloaded(1, true);
    table.set_overloaded(2, true);
    EXPECT_EQ(table.pick(), kNoServer);
    table.set_overloaded(2, false);
    EXPECT_EQ(table.picks(3), (Picks{2, 2, 2}));
}

TEST(WeightedRoundRobin, FindsTheLightServerBesideAnOverloadedHeavyOne) {
    Table table("wrr", {2147483647, 1});
    table.set_overloaded(0, true);
    EXPECT_EQ(table.picks(3), (Picks{1, 1, 1}));  // not after two thousand million bars
}

// With weights 3, 2, 1 the order is 0 0 1 0 1 2. When nobody is usable, a walk that has tried the
// last bar with every server has started over; one that began behind some server with the last bar
// ends there.
TEST(WeightedRoundRobin, GoesOnAfterAllWereOverloaded) {
    const auto resume_after = [](int decisions) {
        Table table("wrr", {3, 2, 1});
        table.picks(decisions);
        for (std::size_t slot = 0; slot < 3; ++slot)
            table.set_overloaded(slot, true);
        EXPECT_EQ(table.pick(), kNoServer);
        EXPECT_EQ(table.pick(), kNoServer);
        for (std::size_t slot = 0; slot < 3; ++slot)
            table.set_overloaded(slot, false);
        return table.picks(3);
    };
    EXPECT_EQ(resume_after(0), (Picks{0, 0, 1}));
    EXPECT_EQ(resume_after(1), (Picks{0, 0, 1}));
    EXPECT_EQ(resume_after(3), (Picks{0, 0, 1}));
    EXPECT_EQ(resume_after(4), (Picks{1, 2, 0}));
    EXPECT_EQ(resume_after(5), (Picks{2, 0, 0}));
}

// ip_vs_wrr's walk, one server after the other, with servers overloaded and relieved on the way.
TEST(WeightedRoundRobin, AgreesWithThePlainWalkAmongOverloaded) {
    std::mt19937 random(13);
    for (const std::size_t count : {3U, 40U}) {
        std::vector<std::uint32_t> weights(count);
        std::vector<bool> overloaded(count);
        for (std::uint32_t& weight : weights)
            weight = random() % 7 * 2;
        weights[0] = 12;
        Table table("wrr", weights);
        const std::uint32_t step = 2, top = 11;
        std::uint32_t bar = top;
        std::size_t next = 0;
        for (int i = 0; i < 20000; ++i) {
            if (random() % 4 == 0) {
                const std::size_t slot = random() % count;
                overloaded[slot] = !overloaded[slot] && slot > 0;  // never all of them
                table.set_overloaded(slot, overloaded[slot]);
            }
            int expected = kNoServer;
            while (expected == kNoServer) {
                if (next == count) {
                    next = 0;
                    bar = bar > step ? bar - step : top;
                }
                if (weights[next] >= bar && !overloaded[next]) expected = static_cast<int>(next);
                ++next;
            }
            ASSERT_EQ(table.pick(), expected) << "decision " << i << " of " << count;
        }
    }
}

}  // namespace
}  // namespace usher
