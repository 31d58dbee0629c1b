// SPDX-License-Identifier: BSD-3-Clause
// The schedulers that go by connections: lc, wlc, sed, nq; and by weight: fo, ovf.
#include <gtest/gtest.h>

#include <random>

#include "tests/schedulers/table.hpp"

namespace usher {
namespace {

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

TEST(LeastConnection, DoesNotLookAtWeights) {
    Table table("lc", {1, 100, 0});
    table.add(0, 1, 0);
    table.add(1, 1, 0);
    EXPECT_EQ(table.pick(), 0);
    table.add(1, -1, 255);
    EXPECT_EQ(table.pick(), 1);  // 255 is less than 256
    table.add(1, 0, 1);
    EXPECT_EQ(table.pick(), 0);
}

TEST(ShortestExpectedDelay, CountsTheConnectionToBe) {
    Table table("sed", {1, 3});
    EXPECT_EQ(table.pick(), 1);
    table.add(1, 2, 1000);
    EXPECT_EQ(table.pick(), 0);  // 1 / 1 and 3 / 3
    table.add(0, 1, 0);
    EXPECT_EQ(table.pick(), 1);
}

TEST(NeverQueue, TakesTheFirstIdleServerNotTheHeaviest) {
    Table table("nq", {1, 3});
    EXPECT_EQ(table.pick(), 0);
    table.add(0, 1, 0);
    EXPECT_EQ(table.pick(), 1);
    table.add(1, 1, 0);
    EXPECT_EQ(table.pick(), 1);  // 2 / 1 and 2 / 3
}

TEST(WeightedFailover, StaysWithTheGreatestWeight) {
    Table table("fo", {1, 7, 7, 0});
    table.add(1, 1000, 1000);
    EXPECT_EQ(table.picks(3), (Picks{1, 1, 1}));
    table.set_overloaded(1, true);
    EXPECT_EQ(table.pick(), 2);
}

TEST(WeightedOverflow, OverflowsAfterWeightAndOne) {
    Table table("ovf", {1, 2, 0});
    Picks got;
    for (int i = 0; i < 6; ++i) {
        got.push_back(table.pick());
        if (got.back() != kNoServer) table.add(static_cast<std::size_t>(got.back()), 1, 0);
    }
    EXPECT_EQ(got, (Picks{1, 1, 1, 0, 0, kNoServer}));
}

// A long list is not looked at server by server: the decision is the same as if it were.
class LongList : public testing::TestWithParam<const char*> {};

std::uint64_t load_of(const std::string& name, Loads loads, std::uint32_t slot) {
    if (name == "lc" || name == "wlc") return loads.active(slot) * 256 + loads.inactive(slot);
    if (name == "ovf") return 1;
    if (name == "nq" && loads.active(slot) == 0) return 0;
    return loads.active(slot) + 1;
}

int look_at_all(const std::string& name, const Table& table) {
    int best = kNoServer;
    double least = 0;
    const std::span servers = table.scheduler().servers();
    for (std::size_t i = 0; i < servers.size(); ++i) {
        if (!is_usable(servers[i], table.loads())) continue;
        if (name == "ovf" && table.loads().active(servers[i].slot) > servers[i].weight) continue;
        const double quotient = static_cast<double>(load_of(name, table.loads(), servers[i].slot)) /
                                (name == "lc" ? 1 : servers[i].weight);
        if (best != kNoServer && quotient >= least) continue;
        best = static_cast<int>(i);
        least = quotient;
    }
    return best;
}

TEST_P(LongList, DecidesAsALookAtAllServersWould) {
    const std::string name = GetParam();
    std::mt19937 random(5);
    for (const std::size_t count : {25U, 200U, 1000U}) {
        std::vector<std::uint32_t> weights(count);
        std::vector<std::uint32_t> slots(count);
        for (std::size_t i = 0; i < count; ++i) {
            weights[i] = random() % 8;
            slots[i] = static_cast<std::uint32_t>((i * 3 + 17) % 4096);
        }
        Table table(name, weights);
        std::vector<std::uint32_t> open;
        for (int i = 0; i < 4000; ++i) {
            if (i % 700 == 0) table.change(weights, slots);
            const int picked = table.pick();
            ASSERT_EQ(picked, look_at_all(name, table)) << "decision " << i << " of " << count;
            if (picked != kNoServer) {
                open.push_back(slots[static_cast<std::size_t>(picked)]);
                table.add(open.back(), random() % 4 ? 1 : 0, random() % 2);
            }
            if (random() % 3 == 0 && !open.empty()) {
                const std::uint32_t slot = open[random() % open.size()];
                if (table.load(slot).active > 0) table.add(slot, -1, random() % 2);
            }
            if (random() % 8 == 0) {
                const std::uint32_t slot = slots[random() % count];
                table.set_overloaded(slot, table.load(slot).overloaded == 0 && random() % 3 == 0);
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(LeastConnectionFamily, LongList,
                         testing::Values("lc", "wlc", "sed", "nq", "ovf"));

TEST(WeightedLeastConnection, LooksAtAllWhenDoublesWouldNotDo) {
    std::vector<std::uint32_t> weights(100, 2147483647);
    weights[50] = 2147483646;
    Table table("wlc", weights);
    for (std::size_t slot = 0; slot < 100; ++slot)
        table.add(slot, 2147483647, 0);
    EXPECT_EQ(table.pick(), 0);
    table.add(50, -7, 0);
    EXPECT_EQ(table.pick(), 50);
}

}  // namespace
}  // namespace usher
