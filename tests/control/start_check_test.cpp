// SPDX-License-Identifier: BSD-3-Clause
#include "control/start_check.hpp"

#include <gtest/gtest.h>

#include <map>

namespace usher {
namespace {

// eth0, on which all is well, and a VLAN on it.
class StartCheck : public testing::Test {
  protected:
    StartCheck() {
        link(2, "eth0");
        vlan(3, "eth0.10", 2);
        device("eth0");
    }

    KernelLink& link(unsigned ifindex, const char* name, const char* kind = "") {
        KernelLink& link = kernel.links[ifindex];
        link.ifindex = ifindex;
        link.name = name;
        link.kind = kind;
        return link;
    }
    KernelLink& vlan(unsigned ifindex, const char* name, unsigned parent) {
        KernelLink& made = link(ifindex, name, "vlan");
        made.parent = parent;
        made.vlan = 10;
        return made;
    }
    KernelInterface& device(const char* name) {
        KernelInterface& made = devices[name];
        made.mtu = 1500;
        made.up = made.combined = true;
        return made;
    }
    static InterfaceConfig named(const char* name, unsigned queues = 0) {
        InterfaceConfig interface;
        interface.name = name;
        interface.queues = queues;
        return interface;
    }
    // What would refuse the start, as text.
    std::string refusals(const std::vector<InterfaceConfig>& interfaces) {
        const Findings found =
            check_start(interfaces, kernel, [&](const auto& name) -> Result<KernelInterface> {
                const auto known = devices.find(name);
                if (known == devices.end()) return fail(Errc::unavailable, name + " is not there");
                return known->second;
            });
        return to_text(found);
    }

    KernelNetwork kernel;
    std::map<std::string, KernelInterface> devices;
};

TEST_F(StartCheck, AllIsWell) {
    EXPECT_EQ(refusals({named("eth0")}), "");
    EXPECT_EQ(refusals({named("eth0.10"), named("eth0")}), "");
    devices["eth0"].queues = 4;
    EXPECT_EQ(refusals({named("eth0.10", 4)}), "");
    InterfaceConfig wire = named("wire");
    wire.attach = AttachKind::device;
    EXPECT_EQ(refusals({wire}), "");
}

TEST_F(StartCheck, RoutesWhoseNextHopsAreNotTold) {
    kernel.routes = {{Prefix::of(*IpAddress::parse("10.7.0.0"), 16), 0, {{std::nullopt, 2}}},
                     {Prefix::of(*IpAddress::parse("10.0.0.0"), 8), 0, {}}};
    EXPECT_EQ(refusals({named("eth0")}), "");
    kernel.routes[0].next_hops[0].ifindex = 0;
    EXPECT_EQ(refusals({named("eth0")}),
              "error   the route to 10.7.0.0/16 is by nexthop objects, whose next hops Linux does "
              "not tell: sysctl -w net.ipv4.nexthop_compat_mode=1\n");
}

// "fine", and every packet for the server was dropped.
TEST_F(StartCheck, ServersThatNoInterfaceLeadsTo) {
    Config config;
    config.interfaces = {named("eth0"), named("eth0.10")};
    ServiceConfig service;
    for (const char* address : {"10.0.0.100", "10.1.0.100", "10.2.0.100", "10.3.0.100"}) {
        ServerConfig server;
        server.key.address = *IpAddress::parse(address);
        service.servers.push_back(server);
    }
    config.services = {service};
    link(9, "eth9");
    const auto via = [](const char* network, unsigned ifindex) {
        return KernelRoute{
            Prefix::of(*IpAddress::parse(network), 16), 0, {{std::nullopt, ifindex}}};
    };
    kernel.routes = {via("10.0.0.0", 2), via("10.1.0.0", 3), via("10.2.0.0", 9)};
    EXPECT_EQ(to_text(check_routes(config, kernel)),
              "advice  Linux's route to real server 10.2.0.100 leaves by eth9, which is no "
              "[[interface]] here: ip route get 10.2.0.100\n"
              "advice  Linux has no route to real server 10.3.0.100: ip route get 10.3.0.100\n");
    kernel.routes[2].next_hops.push_back({*IpAddress::parse("10.0.0.9"), 2});
    kernel.addresses.push_back({.ifindex = 2, .address = *IpAddress::parse("10.3.0.100")});
    EXPECT_EQ(to_text(check_routes(config, kernel)), "") << "one next hop is ours; the box's own";
    kernel.routes.clear();
    InterfaceConfig pci = named("wan0");
    pci.attach = AttachKind::pci;
    config.interfaces.push_back(pci);
    EXPECT_EQ(to_text(check_routes(config, kernel)), "") << "its tap comes with the start";
}

TEST_F(StartCheck, WhatTheLayoutRefuses) {
    vlan(4, "double", 3);
    EXPECT_EQ(refusals({named("eth0"), named("double")}),
              "error   double is a VLAN in VLAN eth0.10; two tags are not supported\n");
    link(5, "bond0", "bond");
    vlan(6, "bond0.10", 5);
    EXPECT_EQ(refusals({named("bond0.10")}),
              "error   bond0.10: VLANs of a bond are not supported; put the VLANs on the "
              "interfaces under it and name those\n");
    link(7, "eth1").master = 5;
    EXPECT_EQ(refusals({named("eth1")}), "error   eth1 is a member of bond0; name bond0 instead\n");
    InterfaceConfig native = named("bond0");
    native.xdp = XdpMode::native;
    EXPECT_EQ(refusals({native}),
              "error   bond0 is a bond, where native XDP does not reach us; leave xdp out, or say "
              "xdp = \"generic\"\n");
    InterfaceConfig pci = named("eth0");
    pci.attach = AttachKind::pci;
    EXPECT_EQ(refusals({pci, named("eth0.10")}),
              "error   eth0.10: VLANs of eth0 are not supported, since all of that NIC is given to "
              "DPDK; give it attach = \"af_xdp\"\n");
}

TEST_F(StartCheck, ABondHasOneQueueOfEachMember) {
    link(5, "bond0", "bond");
    link(6, "eth1").master = 5;
    device("bond0");
    device("eth1").queues = 4;
    EXPECT_EQ(
        refusals({named("bond0")}),
        "advice  eth1, a member of bond0, has 4 receive queues, and what comes by others than "
        "the first is left to Linux: ethtool -L eth1 combined 1\n");
    devices["eth1"].queues = 1;
    EXPECT_EQ(refusals({named("bond0")}), "");
}

TEST_F(StartCheck, Queues) {
    devices["eth0"].queues = 4;
    EXPECT_EQ(refusals({named("eth0", 2)}),
              "error   eth0 spreads what it receives over 4 queues and the file says queues = 2: "
              "ethtool -L eth0 combined 2, or leave queues out\n");
    devices["eth0"].queues = 65;
    EXPECT_EQ(refusals({named("eth0")}),
              "error   eth0 has 65 receive queues, and at most 64 are supported: ethtool -L eth0 "
              "combined 64\n");
    devices["eth0"].queues = 2;
    devices["eth0"].combined = false;
    EXPECT_EQ(refusals({named("eth0.10")}),
              "error   eth0: AF_XDP can have one of its receive queues only, as its driver does "
              "not pair them with transmit queues (ethtool -l eth0 shows no combined ones); it has "
              "2: ethtool -L eth0 rx 1\n");
}

TEST_F(StartCheck, TheInterfaceUnderAVlanOnlyWhenNobodyNamedIt) {
    devices["eth0"].up = false;
    EXPECT_EQ(refusals({named("eth0"), named("eth0.10")}), "") << "machine_check says so";
    EXPECT_EQ(refusals({named("eth0.10")}),
              "error   eth0 is down; bring it up first: ip link set eth0 up\n");
    devices["eth0"].up = true;
    devices["eth0"].mtu = 9000;
    EXPECT_EQ(refusals({named("eth0.10")}),
              "error   eth0 has an MTU of 9000; at most 1500 is supported: ip link set eth0 mtu "
              "1500\n");
    devices.clear();
    EXPECT_EQ(refusals({named("eth0.10")}), "error   eth0 is not there\n");
}

}  // namespace
}  // namespace usher
