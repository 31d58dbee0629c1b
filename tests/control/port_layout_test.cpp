// SPDX-License-Identifier: BSD-3-Clause
#include "control/port_layout.hpp"

#include <gtest/gtest.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>

#include "control/netlink_decode.hpp"

namespace usher {
namespace {

// A message as Linux sends it about `name`, a VLAN device.
std::optional<KernelLink> decode_vlan(const char* name, std::uint16_t id,
                                      std::array<std::uint8_t, 2> protocol) {
    std::array<char, 1024> space{};
    nlmsghdr* message = mnl_nlmsg_put_header(space.data());
    message->nlmsg_type = RTM_NEWLINK;
    auto* header = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
    header->ifi_index = 7;
    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    mnl_attr_put_u32(message, IFLA_LINK, 2);
    nlattr* info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, "vlan");
    nlattr* data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
    mnl_attr_put_u16(message, IFLA_VLAN_ID, id);
    mnl_attr_put(message, IFLA_VLAN_PROTOCOL, protocol.size(), protocol.data());
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, info);
    return decode_link(message);
}

class PortLayoutTest : public testing::Test {
  protected:
    PortLayoutTest() {
        add(2, "eth0");
        add(3, "eth1");
        add_vlan(4, "eth0.10", 2, 10);
        add_vlan(5, "servers", 2, 20);
    }

    KernelLink& add(unsigned ifindex, const char* name, const char* kind = "") {
        KernelLink& link = kernel.links[ifindex];
        link.ifindex = ifindex;
        link.name = name;
        link.kind = kind;
        return link;
    }
    KernelLink& add_vlan(unsigned ifindex, const char* name, unsigned parent, std::uint16_t id) {
        KernelLink& link = add(ifindex, name, "vlan");
        link.parent = parent;
        link.vlan = id;
        return link;
    }
    static InterfaceConfig named(const char* name) {
        InterfaceConfig interface;
        interface.name = name;
        return interface;
    }
    std::string refusal(const std::vector<InterfaceConfig>& interfaces) {
        const auto layout = lay_out_ports(interfaces, kernel);
        return layout ? "" : layout.error().message;
    }

    KernelNetwork kernel;
};

TEST_F(PortLayoutTest, VlansShareThePortOfTheirParent) {
    const auto layout =
        lay_out_ports({named("eth0.10"), named("servers"), named("eth1")}, kernel).value();
    ASSERT_EQ(layout.ports.size(), 2U);
    EXPECT_EQ(layout.ports[0].config.name, "eth1");
    EXPECT_EQ(layout.ports[1].config.name, "eth0");
    EXPECT_TRUE(layout.ports[0].is_named);
    EXPECT_FALSE(layout.ports[1].is_named) << "what has no tag there is Linux's";
    ASSERT_EQ(layout.vlans.size(), 2U);
    EXPECT_EQ(layout.vlans[1].name, "servers");
    EXPECT_EQ(layout.vlans[1].ifindex, 5U);
    EXPECT_EQ(layout.vlan_ports()[1].parent, 1);
    EXPECT_EQ(layout.vlan_ports()[1].id, 20);
}

TEST_F(PortLayoutTest, AParentMayBeNamedToo) {
    const auto layout = lay_out_ports({named("eth0.10"), named("eth0")}, kernel).value();
    ASSERT_EQ(layout.ports.size(), 1U);
    EXPECT_TRUE(layout.ports[0].is_named);
    EXPECT_EQ(layout.vlans.size(), 1U);
}

TEST_F(PortLayoutTest, TheFileMaySayWhatLinuxDoesNot) {
    InterfaceConfig wire = named("wire"), inside = named("inside");
    wire.attach = inside.attach = AttachKind::device;
    inside.parent = "wire";
    inside.vlan = 30;
    const auto layout = lay_out_ports({inside, wire}, {}).value();
    ASSERT_EQ(layout.ports.size(), 1U);
    EXPECT_EQ(layout.vlan_ports()[0].id, 30);
    inside.parent = "none";
    EXPECT_NE(refusal({inside, wire}).find("no [[interface]] none"), std::string::npos);
}

TEST_F(PortLayoutTest, WhatCannotBeServedIsRefused) {
    add_vlan(6, "double", 4, 30);
    EXPECT_NE(refusal({named("double")}).find("two tags"), std::string::npos);
    add_vlan(7, "service", 2, 30).service_tag = true;
    EXPECT_NE(refusal({named("service")}).find("802.1ad"), std::string::npos);
    add_vlan(8, "far", 0, 30);
    EXPECT_NE(refusal({named("far")}).find("another network namespace"), std::string::npos);
    add(9, "bond0", "bond");
    add_vlan(10, "bond0.10", 9, 10);
    EXPECT_NE(refusal({named("bond0.10")}).find("VLANs of a bond"), std::string::npos);
    InterfaceConfig nic = named("nic");
    nic.attach = AttachKind::pci;
    add(11, "nic");
    add_vlan(12, "nic.10", 11, 10);
    EXPECT_NE(refusal({nic, named("nic.10")}).find("nic.10: VLANs of nic"), std::string::npos);
}

TEST_F(PortLayoutTest, ABondIsServedByGenericXdp) {
    add(9, "bond0", "bond");
    add(10, "eth2").master = 9;
    EXPECT_EQ(lay_out_ports({named("bond0")}, kernel)->ports[0].config.xdp, XdpMode::generic);
    InterfaceConfig native = named("bond0");
    native.xdp = XdpMode::native;
    EXPECT_NE(refusal({native}).find("is a bond"), std::string::npos);
    EXPECT_NE(refusal({named("eth2")}).find("name bond0 instead"), std::string::npos);
}

// It passed, had no address or route, and forwarded nothing.
TEST_F(PortLayoutTest, APortOfAnotherInterfaceIsRefused) {
    add(9, "br0", "bridge");
    add(10, "eth2").master = 9;
    EXPECT_EQ(refusal({named("eth2")}),
              "eth2 is a port of br0; name br0, or: ip link set eth2 nomaster");
    EXPECT_EQ(refusal({named("br0")}), "");
    kernel.links[9].kind = "team";
    EXPECT_NE(refusal({named("eth2")}).find("name br0, or"), std::string::npos);
    kernel.links[9].kind = "vrf";
    EXPECT_NE(refusal({named("eth2")}).find("br0, a VRF"), std::string::npos);
    kernel.links[9].kind = "openvswitch";
    EXPECT_NE(refusal({named("eth2")}).find("ovs-vsctl del-port eth2"), std::string::npos);
    InterfaceConfig nic = named("eth2");
    nic.attach = AttachKind::device;
    EXPECT_EQ(refusal({nic}), "") << "not Linux's interface of that name";
}

TEST_F(PortLayoutTest, AVlanMayNotBeAPortButMayBeOnOne) {
    add(9, "br0", "bridge");
    kernel.links[2].master = 9;
    EXPECT_EQ(refusal({named("eth0.10")}), "") << "what has no tag is the bridge's";
    EXPECT_NE(refusal({named("eth0.10"), named("eth0")}).find("eth0 is a port of br0"),
              std::string::npos);
    kernel.links[9].kind = "bond";
    EXPECT_NE(refusal({named("eth0.10")}).find("eth0 is a member of br0"), std::string::npos);
    kernel.links[2].master = 0;
    kernel.links[9].kind = "bridge";
    kernel.links[4].master = 9;
    EXPECT_NE(refusal({named("eth0.10")}).find("eth0.10 is a port of br0"), std::string::npos);
}

TEST(DecodeLink, ReadsAVlanDevice) {
    const auto link = decode_vlan("eth0.10", 10, {0x81, 0x00}).value();
    EXPECT_EQ(link.kind, "vlan");
    EXPECT_EQ(link.vlan, 10);
    EXPECT_EQ(link.parent, 2U);
    EXPECT_FALSE(link.service_tag);
    EXPECT_TRUE(decode_vlan("q", 10, {0x88, 0xa8})->service_tag);
}

// It was ignored, and the servers beyond the table's limit were dead without a word.
TEST(Unasked, AFullTableHasItsRemedy) {
    const Error full = unasked(*IpAddress::parse("2001:db8::1"), ENOBUFS);
    EXPECT_EQ(full.code, Errc::no_space);
    EXPECT_NE(full.message.find("no room for 2001:db8::1"), std::string::npos);
    EXPECT_NE(full.message.find("sysctl -w net.ipv6.neigh.default.gc_thresh3=N"),
              std::string::npos);
    EXPECT_EQ(unasked(IpAddress(), ENETDOWN).code, Errc::unavailable);
}

}  // namespace
}  // namespace usher
