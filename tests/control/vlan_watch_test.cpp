// SPDX-License-Identifier: BSD-3-Clause
#include "control/vlan_watch.hpp"

#include <gtest/gtest.h>

namespace usher {
namespace {

// eth0 with VLAN 10, and another interface eth1.
class VlanWatchTest : public testing::Test {
  protected:
    VlanWatchTest() : ports(2) {
        ports[0] = {"eth0", 2, {}, 1500};
        ports[1] = {"eth0.10", 3, {}, 1500, {0, 10}};
        add(2, "eth0");
        add(9, "eth1");
        add_vlan(3, 2, 10);
        watch.follow(ports, kernel);
    }
    KernelLink& add(unsigned ifindex, const char* name) {
        KernelLink& link = kernel.links[ifindex];
        link.ifindex = ifindex;
        link.name = name;
        return link;
    }
    void add_vlan(unsigned ifindex, unsigned parent, std::uint16_t id) {
        KernelLink& link = add(ifindex, "eth0.10");
        link.kind = "vlan";
        link.parent = parent;
        link.vlan = id;
    }
    // The device is made anew with number 4: which number is ours then, and what does the log say?
    unsigned after(unsigned parent, std::uint16_t id) {
        kernel.links.erase(3);
        watch.follow(ports, kernel);
        EXPECT_FALSE(kernel.links.contains(ports[1].ifindex)) << "gone";
        add_vlan(4, parent, id);
        testing::internal::CaptureStderr();
        watch.follow(ports, kernel);
        said = testing::internal::GetCapturedStderr();
        return ports[1].ifindex;
    }

    std::vector<PlannedPort> ports;
    KernelNetwork kernel;
    VlanWatch watch;
    std::string said;
};

TEST_F(VlanWatchTest, MadeAnewItHasAnotherNumber) {
    EXPECT_EQ(ports[1].ifindex, 3U);
    EXPECT_EQ(after(2, 10), 4U);
    EXPECT_NE(said.find("eth0.10: here again"), std::string::npos) << said;
}

// It was taken by its name, and packets left with the old tag.
TEST_F(VlanWatchTest, WithAnotherIdItIsLeftOut) {
    EXPECT_NE(after(2, 20), 4U);
    EXPECT_NE(said.find("not as VLAN 10 of eth0"), std::string::npos) << said;
    kernel.links.erase(4);
    add_vlan(5, 2, 10);
    watch.follow(ports, kernel);
    EXPECT_EQ(ports[1].ifindex, 5U) << "and taken when it is as it was";
}

TEST_F(VlanWatchTest, OnAnotherInterfaceItIsLeftOut) {
    EXPECT_NE(after(9, 10), 4U);
}

TEST_F(VlanWatchTest, ItsParentMayBeMadeAnewFirst) {
    kernel.links.erase(2);
    add(7, "eth0");
    ports[0].ifindex = 12345;  // not opened again yet
    EXPECT_EQ(after(7, 10), 4U);
}

TEST_F(VlanWatchTest, ADeviceOfDpdkIsNotLookedFor) {
    ports[1].ifindex = 0;
    kernel.links.erase(3);
    watch.follow(ports, kernel);
    EXPECT_EQ(ports[1].ifindex, 0U);
}

}  // namespace
}  // namespace usher
