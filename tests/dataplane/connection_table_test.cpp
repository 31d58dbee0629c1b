// SPDX-License-Identifier: BSD-3-Clause
// The table against a plain map: random operations, and what happens when it is full.
#include "dataplane/connection_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

#include "dataplane/connection_pool.hpp"

namespace usher {
namespace {

constexpr HashSeed kSeed{0x1234567890abcdef, 0xfedcba0987654321, 0x0f1e2d3c4b5a6978};
constexpr std::uint8_t kUdp = 17;

Flow4 flow(std::uint32_t n, std::uint32_t side) {
    return {Be32::from_host(n), Be32::from_host(side),
            Be16::from_host(static_cast<std::uint16_t>(n)), Be16::from_host(80)};
}

class Harness {
  public:
    explicit Harness(unsigned bits, HashSeed seed = kSeed)
        : table(bits, seed), pool(table), grace(1), list(table, pool, grace) {}

    LinkResult add(std::uint32_t n, ConnectionIndex* out = nullptr) {
        const ConnectionIndex index = list.allocate();
        if (index == kNoConnection) return LinkResult::full;
        Connection& c = table[index];
        c.original = flow(n, 1);
        c.reply = flow(n, 2);
        c.protocol = kUdp;
        c.status.store(kLive);
        const LinkResult result = table.link(index);
        if (result != LinkResult::linked) {
            c.status.store(0);
            list.give_back(index);
        } else if (out != nullptr) {
            *out = index;
        }
        return result;
    }
    Entry find(const Flow4& f) { return table.find(table.hash(f, kUdp), f, kUdp); }

    ConnectionTable table;
    ConnectionPool pool;
    Grace grace;
    FreeList list;
};

TEST(ConnectionTable, FindsAConnectionByEitherFlow) {
    Harness h(8);
    ConnectionIndex index = 0;
    ASSERT_EQ(h.add(7, &index), LinkResult::linked);
    const Entry original = h.find(flow(7, 1));
    const Entry reply = h.find(flow(7, 2));
    ASSERT_TRUE(original && reply);
    EXPECT_EQ(original.index(), index);
    EXPECT_EQ(original.direction(), Direction::original);
    EXPECT_EQ(reply.index(), index);
    EXPECT_EQ(reply.direction(), Direction::reply);
    EXPECT_FALSE(h.find(flow(8, 1)));
    EXPECT_FALSE(h.table.find(h.table.hash(flow(7, 1), 6), flow(7, 1), 6)) << "another protocol";
}

TEST(ConnectionTable, RefusesAFlowThatIsThere) {
    Harness h(8);
    ASSERT_EQ(h.add(7), LinkResult::linked);
    EXPECT_EQ(h.add(7), LinkResult::reply_taken);
    EXPECT_TRUE(h.find(flow(7, 1)));
    EXPECT_TRUE(h.find(flow(7, 2)));
}

TEST(ConnectionTable, AgreesWithAMapOverMillionsOfSteps) {
    Harness h(12);
    std::map<std::uint32_t, ConnectionIndex> model;
    std::mt19937 random(3);
    for (int step = 0; step < 3000000; ++step) {
        const std::uint32_t n = random() % 6000;  // more keys than room
        const auto known = model.find(n);
        switch (random() % 4) {
            case 0: {
                ConnectionIndex index = 0;
                const LinkResult result = h.add(n, &index);
                if (known != model.end())
                    ASSERT_NE(result, LinkResult::linked);
                else if (model.size() == h.table.capacity())
                    ASSERT_EQ(result, LinkResult::full);
                else {
                    ASSERT_EQ(result, LinkResult::linked) << "with " << model.size();
                    model[n] = index;
                }
                break;
            }
            case 1:
                if (known == model.end()) break;
                h.table[known->second].status.store(0);
                h.table.unlink(known->second);
                h.list.give_back(known->second);
                model.erase(known);
                break;
            default: {
                const Entry original = h.find(flow(n, 1));
                const Entry reply = h.find(flow(n, 2));
                ASSERT_EQ(static_cast<bool>(original), known != model.end());
                ASSERT_EQ(static_cast<bool>(reply), known != model.end());
                if (known != model.end()) {
                    ASSERT_EQ(original.index(), known->second);
                    ASSERT_EQ(reply.index(), known->second);
                }
            }
        }
    }
}

TEST(ConnectionTable, TakesAllTheConnectionsItPromises) {
    for (const unsigned bits : {8U, 12U, 16U}) {
        Harness h(bits);
        for (std::uint32_t n = 0; n < h.table.capacity(); ++n)
            ASSERT_EQ(h.add(n), LinkResult::linked) << n << " of 2^" << bits;
        EXPECT_EQ(h.add(0xffffff), LinkResult::full);
        for (std::uint32_t n = 0; n < h.table.capacity(); ++n)
            ASSERT_TRUE(h.find(flow(n, 1)));
    }
}

// Keys that share a bucket under one seed are spread under another: nobody can aim.
TEST(ConnectionTable, KeysThatCollideUnderOneSeedDoNotUnderAnother) {
    constexpr std::uint64_t kHome = 0x7fff;
    Harness known(16);
    Harness other(16, {kSeed.first + 1, kSeed.second, kSeed.third});
    std::set<std::uint64_t> homes;
    int aimed = 0;
    for (std::uint32_t n = 0; aimed < 200; ++n) {
        if ((known.table.hash(flow(n, 1), kUdp) & kHome) != 5) continue;
        ++aimed;
        homes.insert(other.table.hash(flow(n, 1), kUdp) & kHome);
        EXPECT_EQ(other.add(n), LinkResult::linked);
    }
    EXPECT_GT(homes.size(), 190U);
}

TEST(FreeList, GivesOutEachConnectionOnce) {
    Harness h(10);
    std::vector<bool> seen(h.table.capacity());
    std::vector<ConnectionIndex> taken;
    for (ConnectionIndex i; (i = h.list.allocate()) != kNoConnection;) {
        ASSERT_FALSE(seen[i]);
        seen[i] = true;
        taken.push_back(i);
    }
    EXPECT_EQ(taken.size(), h.table.capacity());
    for (const ConnectionIndex i : taken)
        h.list.retire(i);
    h.list.collect();  // begins the grace period
    h.list.collect();  // nobody is online: it is over
    std::size_t again = 0;
    while (h.list.allocate() != kNoConnection)
        ++again;
    EXPECT_EQ(again, taken.size());
}

}  // namespace
}  // namespace usher
