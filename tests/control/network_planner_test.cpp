// SPDX-License-Identifier: BSD-3-Clause
#include "control/network_planner.hpp"

#include <gtest/gtest.h>

#include <set>

namespace usher {
namespace {

IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}

constexpr unsigned kWan = 3, kLan = 4, kOther = 9;  // ifindexes; the last one is not ours

class NetworkPlannerTest : public testing::Test {
  protected:
    NetworkPlannerTest()
        : planner({{"wan", kWan, MacAddress{{2, 0, 0, 0, 0, 1}}, 1500},
                   {"lan", kLan, MacAddress{{2, 0, 0, 0, 0, 2}}, 1500}},
                  Config()) {
        for (const unsigned ifindex : {kWan, kLan, kOther})
            add_link(ifindex);
        kernel.routes = {{anywhere(), 10, {{ip("192.0.2.1"), kWan, 1}, {ip("192.0.2.2"), kWan, 2}}},
                         {anywhere(), 20, {{ip("10.0.0.254"), kLan, 1}}}};
        neighbour(kWan, "192.0.2.1", NeighbourState::usable);
        neighbour(kWan, "192.0.2.2", NeighbourState::usable);
        neighbour(kLan, "10.0.0.254", NeighbourState::usable);
    }

    void add_link(unsigned ifindex) {
        KernelLink& link = kernel.links[ifindex];
        link.ifindex = ifindex;
        link.mtu = 1500;
        link.up = link.carrier = true;
    }
    static Prefix anywhere() { return Prefix::of(ip("0.0.0.0"), 0); }
    void neighbour(unsigned ifindex, const char* address, NeighbourState state) {
        kernel.neighbours[{ifindex, ip(address)}] = {state, MacAddress{{2, 1, 0, 0, 0, 9}}};
    }
    // The gateways of the default route, as planned now.
    std::set<std::string> gateways() {
        const NetworkPlan plan = planner.plan(kernel);
        generation = plan.generation;
        std::set<std::string> found;
        for (const NetworkPlan::NextHop& hop : plan.routes.at(0).next_hops)
            found.insert(hop.gateway ? hop.gateway->to_string() : "direct");
        EXPECT_EQ(plan.routes.size(), 1U);
        return found;
    }
    using Names = std::set<std::string>;

    KernelNetwork kernel;
    NetworkPlanner planner;
    std::uint16_t generation = 0;
};

TEST_F(NetworkPlannerTest, TheLowerMetricCountsWithAllItsNextHops) {
    EXPECT_EQ(gateways(), (Names{"192.0.2.1", "192.0.2.2"}));
    const NetworkPlan plan = planner.plan(kernel);
    EXPECT_EQ(plan.routes[0].next_hops[1].weight, 2U);
    EXPECT_EQ(plan.neighbours.size(), 3U);
    EXPECT_EQ(plan.generation, generation) << "nothing has changed";
}

TEST_F(NetworkPlannerTest, AFailedNextHopIsNotUsedUntilItAnswers) {
    gateways();
    const auto before = generation;
    neighbour(kWan, "192.0.2.1", NeighbourState::failed);
    EXPECT_EQ(gateways(), Names{"192.0.2.2"});
    EXPECT_NE(generation, before) << "connections ask again";
    neighbour(kWan, "192.0.2.1", NeighbourState::resolving);  // asked for again
    EXPECT_EQ(gateways(), Names{"192.0.2.2"});
    kernel.neighbours.erase({kWan, ip("192.0.2.1")});  // forgotten by Linux
    EXPECT_EQ(gateways(), Names{"192.0.2.2"});
    neighbour(kWan, "192.0.2.1", NeighbourState::usable);
    EXPECT_EQ(gateways(), (Names{"192.0.2.1", "192.0.2.2"}));
}

TEST_F(NetworkPlannerTest, WhenAllFailTheNextMetricCounts) {
    neighbour(kWan, "192.0.2.1", NeighbourState::failed);
    neighbour(kWan, "192.0.2.2", NeighbourState::failed);
    EXPECT_EQ(gateways(), Names{"10.0.0.254"});
    neighbour(kLan, "10.0.0.254", NeighbourState::failed);
    EXPECT_EQ(gateways(), (Names{"192.0.2.1", "192.0.2.2"})) << "none is better than the other";
    neighbour(kWan, "192.0.2.2", NeighbourState::usable);
    EXPECT_EQ(gateways(), Names{"192.0.2.2"});
}

TEST_F(NetworkPlannerTest, ALinkWithoutCarrierIsNotUsedWhereThereIsAnother) {
    kernel.links[kWan].carrier = false;
    EXPECT_EQ(gateways(), Names{"10.0.0.254"});
    kernel.links[kLan].carrier = false;
    EXPECT_EQ(gateways(), (Names{"192.0.2.1", "192.0.2.2"}));
    kernel.links[kLan].up = kernel.links[kWan].up = false;
    EXPECT_EQ(gateways(), Names());
}

TEST_F(NetworkPlannerTest, WhatLinuxSendsElsewhereIsNotOurs) {
    kernel.routes[0].next_hops = {{ip("172.16.0.1"), kOther, 1}};
    EXPECT_EQ(gateways(), Names());
    kernel.routes[0].next_hops.push_back({ip("192.0.2.1"), kWan, 1});
    EXPECT_EQ(gateways(), Names{"192.0.2.1"});
    kernel.routes[0].next_hops.clear();  // blackhole
    EXPECT_EQ(gateways(), Names());
    kernel.routes[0].next_hops = {{ip("172.16.0.1"), kOther, 1}};
    kernel.links[kOther].carrier = false;
    EXPECT_EQ(gateways(), Names{"10.0.0.254"});
}

TEST_F(NetworkPlannerTest, RoutesOfTheFileToOneDestinationAreOne) {
    Config config;
    config.routes = {{anywhere(), ip("192.0.2.1"), "wire"}, {anywhere(), ip("192.0.2.2"), "wire"}};
    NetworkPlanner fixed({{"wire", 0, {}, 1500}}, config);
    const NetworkPlan plan = fixed.plan({});
    ASSERT_EQ(plan.routes.size(), 1U);
    EXPECT_EQ(plan.routes[0].next_hops.size(), 2U);
}

TEST_F(NetworkPlannerTest, TheMtuOfRoutesIsTheirGateways) {
    const auto mtu = [&](const char* gateway) {
        const NetworkPlan plan = planner.plan(kernel);
        for (const NetworkPlan::Neighbour& each : plan.neighbours)
            if (each.address == ip(gateway)) return Network(plan).hop(each.hop).mtu;
        return std::uint16_t{0};
    };
    EXPECT_EQ(mtu("10.0.0.254"), 1500);
    kernel.routes[1].next_hops[0].mtu = 1400;
    EXPECT_EQ(mtu("10.0.0.254"), 1400);
    EXPECT_EQ(mtu("192.0.2.1"), 1500);
    const KernelRoute smaller{
        Prefix::of(ip("10.1.0.0"), 16), 0, {{ip("10.0.0.254"), kLan, 1, 1300}}};
    kernel.routes.insert(kernel.routes.begin(), smaller);
    EXPECT_EQ(mtu("10.0.0.254"), 1400) << "the other route has more";
    kernel.routes[0].next_hops[0].mtu = 0;
    EXPECT_EQ(mtu("10.0.0.254"), 1500) << "and now the link's";
    kernel.routes[0].next_hops[0].mtu = 9000;
    EXPECT_EQ(mtu("10.0.0.254"), 1500);
    kernel.routes[0].next_hops[0].mtu = kernel.routes[2].next_hops[0].mtu = 1;
    EXPECT_EQ(mtu("10.0.0.254"), 68) << "no piece could have fewer";
}

class OwnAddressTest : public NetworkPlannerTest {
  protected:
    KernelAddress& add(const char* address, std::uint8_t length) {
        return kernel.addresses.emplace_back(KernelAddress{kWan, ip(address), length});
    }
    std::string chosen4(const char* neighbour = "10.9.9.9") {
        const Network network(planner.plan(kernel));
        return IpAddress(network.source_towards<Family::ipv4>(0, ip(neighbour).v4())).to_string();
    }
    std::string chosen6(const char* neighbour = "fe80::9") {
        const Network network(planner.plan(kernel));
        return IpAddress(network.source_towards<Family::ipv6>(0, ip(neighbour).bytes()))
            .to_string();
    }
};

TEST_F(OwnAddressTest, IsThatOfTheNetworkAndNotTheLowest) {
    add("192.0.2.10", 32);
    add("192.0.2.251", 24);
    EXPECT_EQ(chosen4(), "192.0.2.251");
    add("192.0.2.5", 24).secondary = true;
    EXPECT_EQ(chosen4(), "192.0.2.251");
    kernel.addresses.erase(kernel.addresses.begin());
    EXPECT_EQ(chosen4(), "192.0.2.251") << "the VIP is elsewhere now";
    add("192.0.2.7", 28);
    EXPECT_EQ(chosen4(), "192.0.2.251") << "of equals, Linux's first";
}

TEST_F(OwnAddressTest, IsAWholePrefixWhereThereIsNoOther) {
    add("192.0.2.10", 32);
    add("192.0.2.9", 24).secondary = true;
    EXPECT_EQ(chosen4(), "192.0.2.10");
    kernel.addresses.clear();
    EXPECT_EQ(chosen4(), "0.0.0.0");
}

TEST_F(OwnAddressTest, IsOfTheNeighboursNetwork) {
    add("198.51.100.1", 24);
    add("203.0.113.10", 32);
    add("10.0.0.7", 24).secondary = true;
    add("10.0.0.1", 24);
    add("2001:db8::1", 64);
    add("2001:db8:0:1::1", 64);
    EXPECT_EQ(chosen4("10.0.0.100"), "10.0.0.1");
    EXPECT_EQ(chosen4("198.51.100.2"), "198.51.100.1");
    EXPECT_EQ(chosen4("192.0.2.1"), "198.51.100.1") << "of neither: the first";
    EXPECT_EQ(chosen4("203.0.113.10"), "198.51.100.1") << "a VIP is for its service";
    EXPECT_EQ(chosen6("2001:db8:0:1::2"), "2001:db8:0:1::1");
    EXPECT_EQ(chosen6("fe80::2"), "2001:db8::1");
}

TEST_F(OwnAddressTest, IsOneThatLinuxWouldUse) {
    add("2001:db8::2", 64).tentative = true;
    EXPECT_EQ(chosen6(), "::");
    add("fe80::1", 64);
    add("2001:db8::3", 64).secondary = true;   // temporary
    add("2001:db8::4", 64).deprecated = true;  // as keepalived's
    EXPECT_EQ(chosen6(), "2001:db8::3");
    add("2001:db8::9", 128);
    EXPECT_EQ(chosen6(), "2001:db8::9");
    add("2001:db8::fb", 64);
    EXPECT_EQ(chosen6(), "2001:db8::fb");
}

TEST_F(NetworkPlannerTest, NeighboursOfADestinationAreThoseOfAllItsNextHops) {
    const std::vector<NeighbourKey> both = {{kWan, ip("192.0.2.1")}, {kWan, ip("192.0.2.2")}};
    EXPECT_EQ(planner.neighbours_of(kernel, ip("8.8.8.8")), both);
    EXPECT_TRUE(planner.neighbours_of(kernel, ip("::1")).empty());
}

}  // namespace
}  // namespace usher
