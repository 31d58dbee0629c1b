// SPDX-License-Identifier: BSD-3-Clause
// dh, sh and mh: places of clients as a kernel of Linux 6.1 has them, and what follows from them.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "schedulers/address_hash.hpp"
#include "schedulers/maglev_hash.hpp"
#include "schedulers/siphash.hpp"
#include "tests/schedulers/table.hpp"

namespace usher {
namespace {

struct Vector {
    const char* client;
    std::uint32_t sh, mh, sh_port, mh_port;  // with port 40000
};

constexpr Vector kVectors[] = {
    {"192.168.1.1", 136, 2456, 44, 3629},
    {"10.0.0.1", 39, 3711, 203, 2940},
    {"2001:db8::1", 63, 3457, 226, 3517},
};

TEST(HashPlaces, AreTheKernels) {
    for (const Vector& v : kVectors) {
        const std::uint32_t number = folded(*IpAddress::parse(v.client));
        EXPECT_EQ(hash8(number), v.sh) << v.client;
        EXPECT_EQ(hash8(number + 40000), v.sh_port) << v.client;
        EXPECT_EQ(MaglevHash::place_of(number, 0), v.mh) << v.client;
        EXPECT_EQ(MaglevHash::place_of(number, 40000), v.mh_port) << v.client;
    }
}

Arrival random_client(std::mt19937& random) {
    Arrival arrival;
    arrival.client = IpAddress(Be32::from_host(static_cast<std::uint32_t>(random())));
    arrival.client_port = static_cast<std::uint16_t>(random());
    arrival.destination = IpAddress(Be32::from_host(static_cast<std::uint32_t>(random())));
    return arrival;
}

// How many of the places of sh each server has: a client for each place.
std::map<int, int> places_of_sh(Table& table) {
    std::map<int, int> places;
    std::set<std::uint32_t> seen;
    for (std::uint32_t n = 1; seen.size() < 256; ++n) {
        if (!seen.insert(hash8(n)).second) continue;
        Arrival arrival;
        arrival.client = IpAddress(Be32::from_host(n));
        ++places[table.pick(arrival)];
    }
    return places;
}

TEST(SourceHash, GivesPlacesByWeight) {
    Table table("sh", {1, 2, 5});
    EXPECT_EQ(places_of_sh(table), (std::map<int, int>{{0, 32}, {1, 64}, {2, 160}}));
    Table quiesced("sh", {1, 0, 2});
    EXPECT_EQ(places_of_sh(quiesced), (std::map<int, int>{{kNoServer, 64}, {0, 64}, {2, 128}}));
}

TEST(SourceHash, FallsBackOnlyWhenAskedTo) {
    Table table("sh", {1, 0, 2}, {.fallback = true});
    EXPECT_EQ(places_of_sh(table).count(kNoServer), 0U);
    table.set_overloaded(0, true);
    EXPECT_EQ(places_of_sh(table), (std::map<int, int>{{2, 256}}));
    table.set_overloaded(2, true);
    EXPECT_EQ(places_of_sh(table), (std::map<int, int>{{kNoServer, 256}}));
}

TEST(SourceHash, LooksAtThePortOnlyWhenAskedTo) {
    const std::vector<std::uint32_t> weights(100, 1);
    Table plain("sh", weights);
    Table with_port("sh", weights, {.port = true});
    std::set<int> one, many;
    for (std::uint16_t port = 1; port < 1000; ++port) {
        one.insert(plain.pick(from("10.0.0.1", port)));
        many.insert(with_port.pick(from("10.0.0.1", port)));
    }
    EXPECT_EQ(one.size(), 1U);
    EXPECT_EQ(many.size(), 100U);
}

TEST(DestinationHash, KnowsNoWeightButZero) {
    Table table("dh", {9, 1, 1, 1});
    std::map<int, int> got;
    for (std::uint32_t n = 0; n < 256 * 64; ++n) {
        Arrival arrival;
        arrival.destination = IpAddress(Be32::from_host(n));
        ++got[table.pick(arrival)];
    }
    EXPECT_EQ(got.size(), 4U);
    for (const auto& [server, count] : got)
        EXPECT_NEAR(count, 256 * 16, 64) << server;
    const int server = table.pick(to("192.0.2.1"));
    table.set_overloaded(static_cast<std::size_t>(server), true);
    EXPECT_EQ(table.pick(to("192.0.2.1")), kNoServer);
}

// 192.168.0.3 with weight 1, .2 with 2, .1 with 3, as a kernel fills its table.
TEST(MaglevHash, GivesPlacesByWeight) {
    Table table("mh", {3, 2, 1});
    std::map<int, int> places;
    std::set<std::uint32_t> seen;
    for (std::uint32_t n = 1; seen.size() < MaglevHash::kPlaces; ++n) {
        if (!seen.insert(MaglevHash::place_of(n, 0)).second) continue;
        Arrival arrival;
        arrival.client = IpAddress(Be32::from_host(n));
        ++places[table.pick(arrival)];
    }
    EXPECT_NEAR(places[0], 2046, 1);
    EXPECT_NEAR(places[1], 1364, 1);
    EXPECT_NEAR(places[2], 683, 2);
}

TEST(MaglevHash, QuiescingMovesNobodyElse) {
    Table table("mh", {1, 1, 1, 1});
    std::mt19937 random(3);
    std::vector<Arrival> clients;
    Picks before;
    for (int i = 0; i < 2000; ++i) {
        clients.push_back(random_client(random));
        before.push_back(table.pick(clients.back()));
    }
    for (int again = 0; again < 2; ++again) {  // and after another change it still knows
        table.change({1, 0, 1, 1}, {0, 1, 2, 3});
        for (std::size_t i = 0; i < clients.size(); ++i)
            EXPECT_EQ(table.pick(clients[i]), before[i] == 1 ? kNoServer : before[i]);
    }
}

TEST(MaglevHash, FallsBackOnlyWhenAskedTo) {
    Table table("mh", {1, 1, 0, 1}, {.fallback = true});
    std::mt19937 random(3);
    table.set_overloaded(0, true);
    std::set<int> got;
    for (int i = 0; i < 2000; ++i)
        got.insert(table.pick(random_client(random)));
    EXPECT_EQ(got, (std::set<int>{1, 3}));
    table.set_overloaded(1, true);
    table.set_overloaded(3, true);
    EXPECT_EQ(table.pick(random_client(random)), kNoServer);
    EXPECT_EQ(Table("mh", {0, 0}).pick(random_client(random)), kNoServer);
    EXPECT_EQ(Table("mh", {}).pick(random_client(random)), kNoServer);
}

// Of N servers one goes: its own clients must move, 1 / N of all; of the others at most 3 %.
TEST(MaglevHash, MovesFewClientsWhenAServerGoes) {
    for (const std::uint32_t count : {3U, 10U, 50U}) {
        std::vector<std::uint32_t> slots(count);
        std::iota(slots.begin(), slots.end(), 0U);
        for (const std::uint32_t gone : {0U, count / 2, count - 1}) {
            Table table("mh", std::vector<std::uint32_t>(count, 1));
            std::mt19937 random(count);
            std::vector<Arrival> clients;
            std::vector<std::uint32_t> before;
            for (int i = 0; i < 20000; ++i) {
                clients.push_back(random_client(random));
                before.push_back(static_cast<std::uint32_t>(table.pick(clients.back())));
            }
            std::vector<std::uint32_t> left = slots;
            left.erase(left.begin() + gone);
            table.change(std::vector<std::uint32_t>(count - 1, 1), left);
            int moved = 0;
            for (std::size_t i = 0; i < clients.size(); ++i) {
                const std::uint32_t now = left[static_cast<std::size_t>(table.pick(clients[i]))];
                moved += before[i] != gone && now != before[i];
            }
            EXPECT_LE(moved, 600) << count << " servers, without " << gone;
        }
    }
}

}  // namespace
}  // namespace usher
