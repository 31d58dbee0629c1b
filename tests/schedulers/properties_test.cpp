// SPDX-License-Identifier: BSD-3-Clause
// What holds for every scheduler, whatever the servers, weights and loads; and the table of them.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/schedulers/table.hpp"

namespace usher {
namespace {

class EveryScheduler : public testing::TestWithParam<std::string> {};

Arrival random_arrival(std::mt19937& random) {
    Arrival arrival;
    arrival.client = IpAddress(Be32::from_host(static_cast<std::uint32_t>(random())));
    arrival.client_port = static_cast<std::uint16_t>(random());
    arrival.destination = IpAddress(Be32::from_host(static_cast<std::uint32_t>(random() % 50)));
    return arrival;
}

// lblc alone may name an overloaded server: one that a destination has already.
TEST_P(EveryScheduler, NamesOnlyUsableServers) {
    std::mt19937 random(1);
    for (int round = 0; round < 60; ++round) {
        const std::size_t count = round % 3 == 0 ? 60 : 1 + random() % 8;
        std::vector<std::uint32_t> slots(count);
        std::iota(slots.begin(), slots.end(), 0U);
        std::vector<std::uint32_t> weights(count);
        Table table(GetParam(), weights, {.fallback = round % 2 == 0, .port = round % 4 == 0});
        for (int i = 0; i < 600; ++i) {
            if (i % 50 == 0) {
                for (std::uint32_t& weight : weights)
                    weight = random() % 3 ? random() % 5 : 0;
                table.change(weights, slots);
            }
            if (random() % 5 == 0) table.set_overloaded(random() % count, random() % 2);
            const int picked = table.pick(random_arrival(random));
            if (picked == kNoServer) continue;
            const auto slot = static_cast<std::size_t>(picked);
            ASSERT_LT(slot, count);
            ASSERT_GT(weights[slot], 0U);
            if (GetParam() != "lblc") {
                ASSERT_EQ(table.load(slot).overloaded, 0U);
            }
            table.add(slot, 1, 0);
            const std::size_t other = random() % count;
            if (table.load(other).active > 0) table.add(other, -1, 1);
        }
    }
}

TEST_P(EveryScheduler, FindsTheOneThatIsUsable) {
    const std::string name = GetParam();
    const bool can_refuse = name == "dh" || name == "sh" || name == "mh" || name == "ovf";
    for (const std::size_t count : {1U, 5U, 100U}) {
        std::vector<std::uint32_t> weights(count, 1);
        Table table(name, weights, {.fallback = true});
        for (std::size_t slot = 0; slot + 1 < count; ++slot)
            table.set_overloaded(slot, true);
        std::mt19937 random(2);
        for (int i = 0; i < 100; ++i) {
            const int picked = table.pick(random_arrival(random));
            if (!can_refuse || count == 1 || picked != kNoServer) {
                ASSERT_EQ(picked, count - 1);
            }
        }
    }
}

TEST_P(EveryScheduler, RefusesWhenThereIsNone) {
    EXPECT_EQ(Table(GetParam(), {}).pick(), kNoServer);
    EXPECT_EQ(Table(GetParam(), {0, 0, 0}).pick(), kNoServer);
}

TEST(NoScheduler, NamesNobody) {
    EXPECT_EQ(Table("none", {1, 1}).pick(), kNoServer);
}

INSTANTIATE_TEST_SUITE_P(Properties, EveryScheduler, testing::ValuesIn([] {
                             std::vector<std::string> names;
                             for (const SchedulerKind& kind : scheduler_kinds())
                                 names.emplace_back(kind.name);
                             return names;
                         }()),
                         [](const auto& one) { return one.param; });

// Connections stay: then these divide them by weight, to the unit.
TEST(Shares, FollowTheWeights) {
    for (const char* name : {"wrr", "wlc", "sed"})
        for (const std::uint32_t copies : {1U, 20U}) {
            std::vector<std::uint32_t> weights;
            for (std::uint32_t i = 0; i < copies; ++i)
                weights.insert(weights.end(), {1, 2, 3, 4});
            Table table(name, weights);
            for (std::uint32_t i = 0; i < 100 * copies; ++i)
                table.add(static_cast<std::size_t>(table.pick()), 1, 0);
            for (std::size_t i = 0; i < weights.size(); ++i)
                EXPECT_EQ(table.load(i).active, weights[i] * 10) << name << " server " << i;
        }
}

TEST(Registry, KnowsItsNames) {
    const std::set<std::string_view> wanted{"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh",
                                            "sh", "sed", "nq", "fo",  "ovf",  "mh"};
    std::set<std::string_view> got;
    for (const SchedulerKind& kind : scheduler_kinds())
        got.insert(kind.name);
    EXPECT_EQ(got, wanted);
    EXPECT_TRUE(scheduler_exists("wlc"));
    EXPECT_FALSE(scheduler_exists("twos"));
    EXPECT_FALSE(scheduler_exists(""));
}

}  // namespace
}  // namespace usher
