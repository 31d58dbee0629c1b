// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/network.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace usher {
namespace {

IpAddress ip(const char* text) {
    return *IpAddress::parse(text);
}
Be32 v4(const char* text) {
    return ip(text).v4();
}

NetworkPlan plan() {
    NetworkPlan plan;
    plan.ports = {{MacAddress{{2, 0, 0, 0, 0, 1}}, 1500, true},
                  {MacAddress{{2, 0, 0, 0, 0, 2}}, 1400, true}};
    plan.routes = {{Prefix::of(ip("10.0.0.0"), 24), {{{}, 1}}},
                   {Prefix::of(ip("10.0.0.128"), 25), {{ip("10.0.0.1"), 1}}},
                   {Prefix::of(ip("10.0.0.130"), 32), {}},
                   {Prefix::of(ip("0.0.0.0"), 0), {{ip("198.51.100.254"), 0}}}};
    plan.neighbours = {{1, ip("10.0.0.1"), MacAddress{{2, 1, 0, 0, 0, 1}}, 1},
                       {0, ip("198.51.100.254"), MacAddress{{2, 1, 0, 0, 0, 2}}, 2}};
    return plan;
}

using Kind = WayKind;

TEST(Network, TakesTheLongestPrefix) {
    const Network network(plan());
    EXPECT_EQ(network.way_to<Family::ipv4>(v4("10.0.0.1")).hop, 1);
    EXPECT_EQ(network.way_to<Family::ipv4>(v4("10.0.0.200")).hop, 1) << "by the gateway";
    EXPECT_EQ(network.way_to<Family::ipv4>(v4("192.0.2.1")).hop, 2) << "the default route";
    EXPECT_EQ(network.way_to<Family::ipv4>(v4("10.0.0.130")).kind, Kind::none) << "unreachable";
    const auto ask = network.way_to<Family::ipv4>(v4("10.0.0.9"));
    EXPECT_EQ(ask.kind, Kind::ask);
    EXPECT_EQ(ask.port, 1);
    EXPECT_EQ(ask.neighbour, v4("10.0.0.9"));
    EXPECT_EQ(network.hop(2).source, (MacAddress{{2, 0, 0, 0, 0, 1}}));
    EXPECT_EQ(network.hop(1).mtu, 1400);
}

TEST(Network, HasNoWayWithoutRoutes) {
    EXPECT_EQ(Network().way_to<Family::ipv4>(v4("10.0.0.1")).kind, Kind::none);
    NetworkPlan down = plan();
    down.ports[0].up = false;
    EXPECT_EQ(Network(down).way_to<Family::ipv4>(v4("192.0.2.1")).kind, Kind::ask)
        << "no hop on a link that is down";
}

TEST(Network, ErrorsComeFromAnAddressOfItsOwnOrFromNobody) {
    const auto neighbour = ip("fe80::9").bytes();
    const auto address = [&](const NetworkPlan& from) {
        return IpAddress(Network(from).router_address<Family::ipv6>(0, neighbour));
    };
    NetworkPlan p = plan();
    p.own_addresses = {ip("203.0.113.1"), ip("::1"), ip("fe80::1")};
    EXPECT_EQ(address(p), ip("::")) << "none goes so far";
    p.own_addresses.push_back(ip("2001:db8:2::1"));
    EXPECT_EQ(address(p), ip("2001:db8:2::1")) << "on an interface that is not ours";
    p.sources = {{1, ip("10.0.0.1"), Prefix::of(ip("10.0.0.0"), 24)},
                 {1, ip("2001:db8:1::1"), Prefix::of(ip("2001:db8:1::"), 64)}};
    EXPECT_EQ(address(p), ip("2001:db8:1::1"));
    p.sources.push_back({0, ip("2001:db8::1"), Prefix::of(ip("2001:db8::"), 64)});
    EXPECT_EQ(address(p), ip("2001:db8::1"));
}

TEST(Network, AgreesWithTryingEveryPrefix) {
    std::mt19937 random(5);
    for (int round = 0; round < 50; ++round) {
        NetworkPlan p;
        p.ports = {{MacAddress{}, 1500, true}};
        std::vector<Prefix> prefixes;
        for (int i = 0; i < 40; ++i) {
            const int length = static_cast<int>(random() % 33);
            const Be32 address = Be32::from_host(random() % 4 ? random() & 0xff000fff : random());
            const Prefix prefix = Prefix::of(IpAddress(address), length);
            if (std::find(prefixes.begin(), prefixes.end(), prefix) != prefixes.end()) continue;
            prefixes.push_back(prefix);
            const auto gateway = IpAddress(Be32::from_host(static_cast<std::uint32_t>(i) + 1));
            p.routes.push_back({prefix, {{gateway, 0}}});
        }
        const Network network(p);
        for (int i = 0; i < 2000; ++i) {
            std::uint32_t address = random();
            if (random() % 2)
                address =
                    prefixes[random() % prefixes.size()].address.v4().host() + random() % 3 - 1;
            const IpAddress wanted(Be32::from_host(address));
            const NetworkPlan::Route* best = nullptr;
            for (const auto& route : p.routes)
                if (route.destination.contains(wanted) &&
                    (!best || route.destination.length > best->destination.length))
                    best = &route;
            const auto way = network.way_to<Family::ipv4>(wanted.v4());
            if (best == nullptr)
                ASSERT_EQ(way.kind, Kind::none);
            else
                ASSERT_EQ(way.neighbour, best->next_hops[0].gateway->v4()) << wanted.to_string();
        }
    }
}

// The share of each gateway in 10,000 destinations, by its last byte.
std::map<int, int> shares(const Network& network, std::map<std::uint32_t, int>* chosen = nullptr) {
    std::map<int, int> counts;
    for (std::uint32_t i = 0; i < 10000; ++i) {
        const Be32 destination = Be32::from_host(0xc0000200 + i);
        const auto way = network.way_to<Family::ipv4>(destination);
        const int gateway = static_cast<int>(way.neighbour.host() & 0xff);
        ++counts[gateway];
        if (chosen != nullptr) (*chosen)[i] = gateway;
    }
    return counts;
}

TEST(Network, SpreadsDestinationsOverNextHopsByWeight) {
    NetworkPlan several = plan();
    several.routes[3].next_hops = {{ip("198.51.100.1"), 0, 1}, {ip("198.51.100.2"), 0, 3}};
    auto counts = shares(Network(several));
    ASSERT_EQ(counts.size(), 2U);
    EXPECT_NEAR(counts[1], 2500, 400);
    const Network network(several);
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(network.way_to<Family::ipv4>(v4("192.0.2.1")).neighbour,
                  network.way_to<Family::ipv4>(v4("192.0.2.1")).neighbour);

    several.routes.push_back(
        {Prefix::of(ip("2001:db8::"), 32), {{ip("fe80::1"), 0, 1}, {ip("fe80::2"), 1, 1}}});
    std::set<PortIndex> ports;
    const Network both(several);
    for (std::uint8_t i = 0; i < 64; ++i) {
        auto address = ip("2001:db8::").bytes();
        address[15] = i;
        ports.insert(both.way_to<Family::ipv6>(address).port);
    }
    EXPECT_EQ(ports.size(), 2U);
}

TEST(Network, OnlyALostNextHopsDestinationsMove) {
    NetworkPlan several = plan();
    auto& hops = several.routes[3].next_hops;
    hops = {{ip("198.51.100.1"), 0}, {ip("198.51.100.2"), 0}, {ip("198.51.100.3"), 0}};
    std::map<std::uint32_t, int> before;
    std::map<std::uint32_t, int> after;
    EXPECT_EQ(shares(Network(several), &before).size(), 3U);
    hops.erase(hops.begin() + 1);
    auto counts = shares(Network(several), &after);
    EXPECT_NEAR(counts[1], counts[3], 600);
    for (const auto& [destination, gateway] : before)
        ASSERT_TRUE(gateway == 2 || after[destination] == gateway);
}

TEST(CachedHop, IsForgottenInAnotherGeneration) {
    const CachedHop cached(7, 3);
    EXPECT_EQ(CachedHop(cached.bits()).hop_in(3), 7);
    EXPECT_EQ(CachedHop(cached.bits()).hop_in(4), kNoHop);
}

}  // namespace
}  // namespace usher
