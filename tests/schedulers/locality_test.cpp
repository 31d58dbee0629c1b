// SPDX-License-Identifier: BSD-3-Clause
// lblc and lblcr: what they remember, for how long, and over changes of the servers.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "schedulers/destination_cache.hpp"
#include "tests/schedulers/table.hpp"

namespace usher {
namespace {

constexpr const char* kA = "192.0.2.1";
constexpr const char* kB = "192.0.2.2";

TEST(Lblc, KeepsADestinationAtItsServerUntilThatIsSwamped) {
    Table table("lblc", {4, 4, 4});
    EXPECT_EQ(table.pick(to(kA)), 0);
    table.add(0, 4, 100);
    EXPECT_EQ(table.pick(to(kB)), 1);
    EXPECT_EQ(table.pick(to(kA)), 0);
    table.add(0, 1, 0);  // 5 of 4, and the others have less than half of theirs
    EXPECT_EQ(table.pick(to(kA)), 1);
    table.add(1, 3, 0);
    EXPECT_EQ(table.pick(to(kA)), 1);
    table.add(2, 2, 0);
    table.add(1, 4, 0);
    EXPECT_EQ(table.pick(to(kA)), 1);  // 7 of 4, but nobody has less than half
}

TEST(Lblc, KeepsAServerOverItsThresholdButNotAQuiescedOne) {
    Table table("lblc", {4, 4});
    EXPECT_EQ(table.pick(to(kA)), 0);
    table.set_overloaded(0, true);
    EXPECT_EQ(table.pick(to(kA)), 0);
    EXPECT_EQ(table.pick(to(kB)), 1);
    table.change({0, 4}, {0, 1});
    EXPECT_EQ(table.pick(to(kA)), 1);
    table.change({4, 4}, {0, 1});
    EXPECT_EQ(table.pick(to(kA)), 1);
}

TEST(Lblc, FindsADeletedServerAgain) {
    Table table("lblc", {4, 4, 4});
    table.add(1, 1, 0);
    table.add(2, 1, 0);
    EXPECT_EQ(table.pick(to(kA)), 0);
    table.change({4, 4}, {1, 2});
    table.add(0, 3, 0);
    table.change({4, 4, 4}, {1, 2, 0});
    EXPECT_EQ(table.pick(to(kA)), 2);  // slot 0, though it has the most connections
    table.change({4, 4}, {1, 2});
    EXPECT_EQ(table.pick(to(kA)), 0);  // scheduled anew while it was away
    table.change({4, 4, 4}, {1, 2, 0});
    EXPECT_EQ(table.pick(to(kA)), 0);
}

TEST(Lblc, ForgetsWhatWasIdleForTooLong) {
    Table table("lblc", {4, 4}, {.lblc_expiration = 100});
    EXPECT_EQ(table.pick(to(kA, 1000)), 0);
    table.add(0, 1, 0);
    EXPECT_EQ(table.pick(to(kA, 1100)), 0);
    EXPECT_EQ(table.pick(to(kA, 1200)), 0);  // looking keeps it
    EXPECT_EQ(table.pick(to(kA, 1301)), 1);
}

TEST(Lblc, RefusesWhenNobodyIsUsable) {
    Table table("lblc", {0, 4});
    table.set_overloaded(1, true);
    EXPECT_EQ(table.pick(to(kA)), kNoServer);
    EXPECT_EQ(Table("lblcr", {0, 0}).pick(to(kA)), kNoServer);
}

// The rules as they are written down, a look at every server each time, against a list that is long
// enough for more than that.
TEST(Lblc, AgreesWithTheRulesInALongList) {
    std::mt19937 random(9);
    constexpr std::size_t kServers = 60;
    std::vector<std::uint32_t> weights(kServers);
    for (std::uint32_t& weight : weights)
        weight = 1 + random() % 4;
    Table lblc("lblc", weights);
    Table wlc("wlc", weights);
    std::map<std::uint32_t, std::size_t> kept;
    std::vector<std::size_t> open;
    for (int i = 0; i < 20000; ++i) {
        Arrival arrival;
        const std::uint32_t destination = random() % 8;
        arrival.destination = IpAddress(Be32::from_host(destination));
        const auto active = [&](std::size_t s) { return lblc.loads().active(s); };
        std::size_t expected = 0;
        bool keep = kept.count(destination) > 0;
        if (keep) {
            expected = kept[destination];
            bool idle = false;
            for (std::size_t s = 0; s < kServers; ++s)
                idle = idle || active(s) * 2 < weights[s];
            keep = !(active(expected) > weights[expected] && idle);
        }
        if (!keep) expected = static_cast<std::size_t>(wlc.pick());
        kept[destination] = expected;
        ASSERT_EQ(lblc.pick(arrival), expected) << "decision " << i;
        open.push_back(expected);
        for (Table* table : {&lblc, &wlc})
            table->add(expected, 1, 0);
        if (open.size() > (i / 4000 % 2 ? 80U : 250U)) {
            for (Table* table : {&lblc, &wlc})
                table->add(open.front(), -1, 0);
            open.erase(open.begin(), open.begin() + 1);
        }
    }
}

TEST(Lblcr, AddsServersToADestinationThatIsHot) {
    Table table("lblcr", {2, 2, 2});
    EXPECT_EQ(table.pick(to(kA)), 0);
    table.add(0, 3, 0);
    EXPECT_EQ(table.pick(to(kA)), 1);  // 0 is swamped: 1 joins
    table.add(1, 1, 0);
    EXPECT_EQ(table.pick(to(kA)), 1);  // the least of the set, though 2 has none
    table.add(0, -3, 0);
    EXPECT_EQ(table.pick(to(kA)), 0);
}

TEST(Lblcr, TakesTheMostLoadedOutOfASetThatIsQuiet) {
    Table table("lblcr", {2, 2}, {.lblcr_expiration = 100});
    EXPECT_EQ(table.pick(to(kA, 0)), 0);
    table.add(0, 3, 0);
    EXPECT_EQ(table.pick(to(kA, 1)), 1);
    table.add(1, 1, 0);
    EXPECT_EQ(table.pick(to(kA, 90)), 1);
    EXPECT_EQ(table.pick(to(kA, 102)), 1);  // and 0 is out
    table.add(0, -3, 0);
    EXPECT_EQ(table.pick(to(kA, 103)), 1);
}

TEST(Lblcr, PassesOverMembersThatAreOverloadedOrDeleted) {
    Table table("lblcr", {2, 2, 2});
    EXPECT_EQ(table.pick(to(kA)), 0);
    table.set_overloaded(0, true);
    EXPECT_EQ(table.pick(to(kA)), 1);
    table.set_overloaded(0, false);
    table.add(2, 0, 1);
    table.change({2, 2}, {0, 2});
    table.add(0, 1, 0);
    EXPECT_EQ(table.pick(to(kA)), 0);
    table.change({2, 2, 2}, {1, 0, 2});
    EXPECT_EQ(table.pick(to(kA)), 0);  // slot 1 is in the set again
}

TEST(DestinationCache, HoldsManyServersOfOneDestination) {
    DestinationCache cache;
    const IpAddress a = *IpAddress::parse(kA);
    cache.insert(a, 0, 0, 100);
    auto place = cache.find(a, 0, 100);
    for (ServerName name = 1; name < 200; ++name)
        ASSERT_TRUE(place = cache.add(place, name, 0));
    std::vector<ServerName> got;
    const auto note = [&](ServerName name) { got.push_back(name); };
    ASSERT_TRUE(cache.visit(place, note));
    ASSERT_EQ(got.size(), 200U);
    for (std::size_t i = 0; i < got.size(); ++i)
        EXPECT_EQ(got[i], 199 - i);  // the last one first
    for (ServerName name = 0; name < 200; name += 2)
        ASSERT_TRUE(place = cache.remove(place, name, 0));
    got.clear();
    ASSERT_TRUE(cache.visit(place, note));
    ASSERT_EQ(got.size(), 100U);
    for (std::size_t i = 0; i < got.size(); ++i)
        EXPECT_EQ(got[i], 199 - 2 * i);
    ASSERT_TRUE(place = cache.replace(place, 7, 0));
    got.clear();
    ASSERT_TRUE(cache.visit(place, note));
    EXPECT_EQ(got, std::vector<ServerName>{7});
}

TEST(DestinationCache, StaysWithinItsBounds) {
    DestinationCache cache;
    const auto address = [](std::uint32_t n) { return IpAddress(Be32::from_host(n)); };
    for (std::uint32_t n = 0; n < 16384; ++n)
        cache.insert(address(n), n, 0, 86400);
    EXPECT_GT(cache.entries(), 16300U);
    for (std::uint32_t n = 0; n < 100000; ++n)
        cache.insert(address(100000 + n), n, 10, 86400);
    EXPECT_LE(cache.entries(), 24577U);  // nothing is idle: it stops
    std::uint32_t found = 0;
    for (std::uint32_t n = 0; n < 16384; ++n)
        if (const auto place = cache.find(address(n), 10, 86400))
            cache.visit(place, [&](ServerName name) { found += name == n; });
    EXPECT_GT(found, 15500U);  // but for those whose place was wanted
    for (std::uint32_t n = 0; n < 20000; ++n)
        cache.insert(address(300000 + n), n, 1000, 86400);
    EXPECT_LE(cache.entries(), 21000U);  // the old ones were idle
    EXPECT_TRUE(cache.find(address(319999), 1000, 86400));
}

TEST(DestinationCache, TakesAddressesOfBothFamilies) {
    DestinationCache cache;
    const IpAddress six = *IpAddress::parse("2001:db8::1");
    cache.insert(six, 5, 0, 100);
    EXPECT_TRUE(cache.find(six, 0, 100));
    EXPECT_FALSE(cache.find(*IpAddress::parse("2001:db8::2"), 0, 100));
    EXPECT_FALSE(cache.find(*IpAddress::parse(kA), 0, 100));
}

}  // namespace
}  // namespace usher
