// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/mark_command.hpp"

#include <gtest/gtest.h>

namespace usher::replay {
namespace {

using Rules = std::vector<MarkRule>;

Rules after(std::initializer_list<const char*> commands) {
    Rules rules;
    for (const char* command : commands) {
        auto next = apply_mark_command(command, rules);
        EXPECT_TRUE(next) << command;
        if (next) rules = *next;
    }
    return rules;
}

MarkRule mark(std::uint32_t value) {
    MarkRule rule;
    rule.mark = value;
    return rule;
}

TEST(MarkCommand, ReadsWhatARuleMatches) {
    MarkRule rule = mark(7);
    rule.protocol = Protocol::tcp;
    rule.source = Prefix::of(*IpAddress::parse("10.1.0.0"), 16);
    rule.destination = Prefix::of(*IpAddress::parse("10.9.0.1"), 32);
    rule.source_ports = {1024, 2047};
    rule.destination_ports = {80, 80};
    rule.interface = "ext";
    EXPECT_EQ(after({"iptables -w -t mangle -A PREROUTING -i ext -s 10.1.0.0/255.255.0.0 "
                     "-d 10.9.0.1 -p tcp -m tcp --sport 1024:2047 --dport 80 "
                     "-j MARK --set-mark 0x7"}),
              Rules{rule});
    MarkRule six = mark(8);
    six.family = Family::ipv6;
    six.destination = Prefix::of(*IpAddress::parse("fd00:9::"), 32);
    EXPECT_EQ(
        after({"ip6tables -t mangle -A PREROUTING -d fd00:9::/32 -j MARK --set-xmark 8/0xff"}),
        Rules{six});
}

TEST(MarkCommand, MakesARuleForEachOfAList) {
    MarkRule web = mark(7), secure = mark(7);
    web.protocol = secure.protocol = Protocol::tcp;
    web.destination_ports = {80, 80};
    secure.destination_ports = {443, 445};
    EXPECT_EQ(after({"iptables -t mangle -A PREROUTING -p tcp -m multiport --dports 80,443:445 "
                     "-j MARK --set-mark 7"}),
              (Rules{web, secure}));
}

// The last rule of the chain that matches decides; of ours the first.
TEST(MarkCommand, KeepsTheOrderOfTheChain) {
    constexpr const char* kOne = "iptables -t mangle -A PREROUTING -j MARK --set-mark 1";
    constexpr const char* kTwo = "iptables -t mangle -A PREROUTING -j MARK --set-mark 2";
    EXPECT_EQ(after({kOne, kTwo}), (Rules{mark(2), mark(1)}));
    EXPECT_EQ(after({kOne, "iptables -t mangle -I PREROUTING 1 -j MARK --set-mark 3"}),
              (Rules{mark(1), mark(3)}));
    EXPECT_EQ(after({kOne, kTwo, kOne, "iptables -t mangle -D PREROUTING -j MARK --set-mark 1"}),
              (Rules{mark(1), mark(2)}));
}

TEST(MarkCommand, FlushesItsOwnFamily) {
    MarkRule six = mark(2);
    six.family = Family::ipv6;
    EXPECT_EQ(after({"iptables -t mangle -A PREROUTING -j MARK --set-mark 1",
                     "ip6tables -t mangle -A PREROUTING -j MARK --set-mark 2",
                     "iptables -t mangle -F PREROUTING"}),
              Rules{six});
}

TEST(MarkCommand, IsReadHoweverItIsWritten) {
    MarkRule rule = mark(7);
    rule.protocol = Protocol::tcp;
    for (const char* command :
         {"/usr/sbin/iptables -t mangle -A PREROUTING -p tcp -j MARK --set-mark 7",
          "iptables-nft -w 5 -tmangle -A PREROUTING -p TCP --syn -j MARK --set-mark=7",
          "iptables-legacy --wait=5 -APREROUTING --table=mangle -ptcp -jMARK --set-xmark 0x7"})
        EXPECT_EQ(after({command}), Rules{rule}) << command;
    rule.family = Family::ipv6;
    EXPECT_EQ(after({"/sbin/ip6tables-nft -w -t mangle -I PREROUTING 1 -p tcp -j MARK "
                     "--set-mark 7"}),
              Rules{rule});
    rule.family = Family::ipv4;
    rule.destination_ports = {1024, 65535};
    EXPECT_EQ(after({"iptables -t mangle -A PREROUTING -p tcp --dport 1024: -j MARK --set-mark 7"}),
              Rules{rule});
}

TEST(MarkCommand, FlushesOnlyWhatItNames) {
    constexpr const char* kOne = "iptables -t mangle -A PREROUTING -j MARK --set-mark 1";
    for (const char* other : {"iptables -F", "iptables -t nat -F", "iptables -t mangle -F OUTPUT"})
        EXPECT_EQ(after({kOne, other}), Rules{mark(1)}) << other;
    for (const char* all : {"iptables -t mangle -F", "iptables -F PREROUTING -t mangle"})
        EXPECT_EQ(after({kOne, all}), Rules()) << all;
}

TEST(MarkCommand, SaysWhatItCannotDo) {
    const auto refusal = [](const char* command) {
        const auto done = apply_mark_command(command, {});
        return done ? std::string() : done.error().message;
    };
    EXPECT_NE(refusal("iptables -t mangle -A PREROUTING ! -s 10.1.0.0/16 -j MARK --set-mark 1")
                  .find("'! -s' is not known"),
              std::string::npos);
    EXPECT_NE(refusal("iptables -t mangle -A PREROUTING -j MARK --set-mark x")
                  .find("'--set-mark x' is not known"),
              std::string::npos);
    EXPECT_NE(refusal("iptables -A PREROUTING -j MARK --set-mark 1").find("'filter'"),
              std::string::npos);
}

TEST(MarkCommand, RefusesWhatItCannotDo) {
    for (const char* command :
         {"nft list ruleset", "iptables -t mangle -A PREROUTING -j ACCEPT",
          "iptables -t mangle -A OUTPUT -j MARK --set-mark 1",
          "iptables -t mangle -A PREROUTING -p",
          "iptables -t mangle -A PREROUTING -p icmp -j MARK --set-mark 1",
          "iptables -t mangle -A PREROUTING ! -s 10.1.0.0/16 -j MARK --set-mark 1"})
        EXPECT_FALSE(apply_mark_command(command, {})) << command;
}

}  // namespace
}  // namespace usher::replay
