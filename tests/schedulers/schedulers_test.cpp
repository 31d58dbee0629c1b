// SPDX-License-Identifier: BSD-3-Clause
// Decisions against IPVS's own rules. The vectors of wrr are recorded from ip_vs_wrr; servers are
// numbered in IPVS's order, newest first.
#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "schedulers/registry.hpp"

namespace usher {
namespace {

class Table {
  public:
    explicit Table(const std::string& name, const std::vector<std::uint32_t>& weights)
        : kind_(find_scheduler(name)), loads_(64) {
        std::vector<std::uint32_t> slots(weights.size());
        std::iota(slots.begin(), slots.end(), 0U);
        build(weights, slots);
        cursor_ = scheduler_->first_cursor();
    }

    // Another state of the servers; slots name those that stay.
    void change(const std::vector<std::uint32_t>& weights,
                const std::vector<std::uint32_t>& slots) {
        const auto before = std::move(scheduler_);
        build(weights, slots);
        cursor_ = scheduler_->carry(*before, cursor_);
    }

    int pick() {
        const Choice choice = scheduler_->choose({}, Loads(loads_.data()), cursor_);
        cursor_ = choice.cursor;
        return choice.server;
    }
    std::vector<int> picks(int count) {
        std::vector<int> list;
        for (int i = 0; i < count; ++i)
            list.push_back(pick());
        return list;
    }
    ServerLoad& load(std::size_t slot) { return loads_[slot]; }

  private:
    void build(const std::vector<std::uint32_t>& weights, const std::vector<std::uint32_t>& slots) {
        Scheduler::Servers servers;
        for (std::size_t i = 0; i < weights.size(); ++i)
            servers.push_back({weights[i], slots[i], IpAddress(), 80});
        scheduler_ = kind_->make(std::move(servers));
    }

    const SchedulerKind* kind_;
    std::unique_ptr<Scheduler> scheduler_;
    std::vector<ServerLoad> loads_;
    std::uint64_t cursor_ = 0;
};

using Picks = std::vector<int>;

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

TEST(WeightedLeastConnection, TakesTheLeastOverheadAWeight) {
    Table table("wlc", {1, 2, 0});
    EXPECT_EQ(table.pick(), 0);  // a tie: the first
    table.load(0).active = 1;
    EXPECT_EQ(table.pick(), 1);
    table.load(1).active = 2;
    EXPECT_EQ(table.pick(), 0);  // 256 / 1 and 512 / 2: a tie again
    table.load(1).active = 1;
    table.load(1).inactive = 255;
    EXPECT_EQ(table.pick(), 1);  // 511 / 2 is less than 256
    table.load(1).inactive = 256;
    EXPECT_EQ(table.pick(), 0);
    EXPECT_EQ(Table("wlc", {0}).pick(), kNoServer);
}

TEST(WeightedLeastConnection, DoesNotOverflow) {
    Table table("wlc", {2147483647, 2147483646});
    table.load(0).active = 2147483647;
    table.load(1).active = 2147483647;
    EXPECT_EQ(table.pick(), 0);
    table.load(1).active = 2147483640;
    EXPECT_EQ(table.pick(), 1);
}

TEST(Registry, KnowsItsNames) {
    EXPECT_TRUE(scheduler_exists("wlc"));
    EXPECT_FALSE(scheduler_exists("twos"));
    EXPECT_FALSE(scheduler_exists(""));
}

}  // namespace
}  // namespace usher
