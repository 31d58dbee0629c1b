// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/control_command.hpp"

#include <gtest/gtest.h>

namespace usher::replay {
namespace {

using Words = std::vector<std::string>;

TEST(ControlCommand, KnowsSettings) {
    for (const char* line : {"sysctl -w net.ipv4.vs.drop_entry=3", "/sbin/sysctl -qw drop_entry=3",
                             "echo 3 > /proc/sys/net/ipv4/vs/drop_entry",
                             "sudo echo 3 >/proc/sys/net/ipv4/vs/drop_entry"}) {
        const ControlCommand command = read_control_command(line);
        ASSERT_EQ(command.settings.size(), 1U) << line;
        EXPECT_NE(command.settings[0].key.find("drop_entry"), std::string::npos) << line;
        EXPECT_EQ(command.settings[0].value, "3") << line;
    }
    EXPECT_EQ(read_control_command("sysctl -w a=1 b=2").settings.size(), 2U);
}

TEST(ControlCommand, KnowsMarksAndServices) {
    constexpr const char* kMark = "/usr/sbin/iptables -t mangle -F";
    EXPECT_EQ(read_control_command(kMark).marks, kMark);
    EXPECT_EQ(read_control_command("ip netns exec lb ip6tables-nft -F").marks, "ip6tables-nft -F");
    EXPECT_EQ(read_control_command("nft list ruleset").marks, "nft list ruleset");
    EXPECT_EQ(read_control_command("ipvsadm --set 9 9 9").ipvsadm, (Words{"--set", "9", "9", "9"}));
}

TEST(ControlCommand, PassesOverTheRest) {
    for (const char* line : {"", "modprobe ip_vs", "ip route add 10.2.0.0/16 via 10.0.0.100",
                             "ip addr add 10.9.0.1/32 dev lo", "echo ready", "sysctl -p"}) {
        const ControlCommand command = read_control_command(line);
        EXPECT_TRUE(command.settings.empty()) << line;
        EXPECT_TRUE(command.ipvsadm.empty()) << line;
        EXPECT_TRUE(command.marks.empty()) << line;
    }
}

}  // namespace
}  // namespace usher::replay
