// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/masquerade_rules.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <set>

namespace usher {
namespace {

constexpr auto kNoRule = MasqueradeRules::kNoRule;

IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}

Prefix net(const char* text, int length) {
    return Prefix::of(ip(text), length);
}

Be32 v4(const char* text) {
    return ip(text).v4();
}

std::array<std::uint8_t, 16> v6(const char* text) {
    return ip(text).bytes();
}

MasqueradeRules some_rules() {
    return MasqueradeRules(
        {{{net("10.0.0.0", 24), net("fd00:2::", 64)},
          {{ip("203.0.113.20"), 0}, {ip("203.0.113.21"), 1}, {ip("2001:db8::20"), 2}}},
         {{net("10.0.0.0", 8), net("fd00::", 16)}, {}}},
        {{ip("203.0.113.2"), 7}, {ip("2001:db8::2"), 8}, {ip("192.0.2.2"), 9}});
}

TEST(MasqueradeRules, NobodyWithoutRules) {
    const MasqueradeRules none;
    EXPECT_TRUE(none.empty());
    EXPECT_EQ(none.rule_for<Family::ipv4>(v4("10.0.0.1"), v4("192.0.2.1")), kNoRule);
    EXPECT_EQ(none.rule_for<Family::ipv6>(v6("fd00::1"), v6("2001:db8::1")), kNoRule);
}

TEST(MasqueradeRules, TheFirstRuleThatHasTheSource) {
    const MasqueradeRules rules = some_rules();
    EXPECT_FALSE(rules.empty());
    EXPECT_EQ(rules.rule_for<Family::ipv4>(v4("10.0.0.1"), v4("192.0.2.1")), 0U);
    EXPECT_EQ(rules.rule_for<Family::ipv4>(v4("10.0.1.1"), v4("192.0.2.1")), 1U);
    EXPECT_EQ(rules.rule_for<Family::ipv4>(v4("11.0.0.1"), v4("192.0.2.1")), kNoRule);
    EXPECT_EQ(rules.rule_for<Family::ipv6>(v6("fd00:2::1"), v6("2001:db8::1")), 0U);
    EXPECT_EQ(rules.rule_for<Family::ipv6>(v6("fd00:2:0:1::1"), v6("2001:db8::1")), 1U);
    EXPECT_EQ(rules.rule_for<Family::ipv6>(v6("fd01::1"), v6("2001:db8::1")), kNoRule);
}

TEST(MasqueradeRules, FromInsideToInsideIsNotMasqueraded) {
    const MasqueradeRules rules = some_rules();
    EXPECT_EQ(rules.rule_for<Family::ipv4>(v4("10.0.0.1"), v4("10.0.0.2")), kNoRule);
    EXPECT_EQ(rules.rule_for<Family::ipv4>(v4("10.0.0.1"), v4("10.7.0.2")), kNoRule);
    EXPECT_EQ(rules.rule_for<Family::ipv6>(v6("fd00:2::1"), v6("fd00:5::1")), kNoRule);
}

TEST(MasqueradeRules, OneHostHasOneAddress) {
    const MasqueradeRules rules = some_rules();
    std::map<OutsideIndex, int> hosts;
    for (std::uint32_t i = 0; i < 256; ++i) {
        const Be32 host = Be32::from_host(0x0a000000 + i);
        const auto outside = rules.outside_of<Family::ipv4>(0, host, v4("203.0.113.2"));
        EXPECT_EQ(outside.address, outside.index == 0 ? v4("203.0.113.20") : v4("203.0.113.21"));
        EXPECT_FALSE(outside.by_way_out);
        EXPECT_EQ(rules.outside_of<Family::ipv4>(0, host, {}).index, outside.index);
        ++hosts[outside.index];
    }
    EXPECT_GT(hosts[0], 64);
    EXPECT_GT(hosts[1], 64);
    EXPECT_EQ(rules.outside_of<Family::ipv6>(0, v6("fd00:2::1"), {}).address, v6("2001:db8::20"));
}

TEST(MasqueradeRules, HostsKeepTheirAddressWhenAnotherComes) {
    std::vector<OutsideAddress> outside;
    for (std::uint32_t i = 0; i < 4; ++i)
        outside.push_back(
            {IpAddress(Be32::from_host(0xcb007114 + i)), static_cast<OutsideIndex>(i)});
    const auto with = [&](std::size_t count) {
        return MasqueradeRules({{{net("10.0.0.0", 8)}, {outside.begin(), outside.begin() + count}}},
                               {});
    };
    const MasqueradeRules three = with(3);
    const MasqueradeRules four = with(4);
    int moved = 0;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        const Be32 host = Be32::from_host(0x0a000000 + i);
        const OutsideIndex before = three.outside_of<Family::ipv4>(0, host, {}).index;
        const OutsideIndex after = four.outside_of<Family::ipv4>(0, host, {}).index;
        EXPECT_TRUE(after == before || after == 3);
        moved += after != before;
    }
    EXPECT_GT(moved, 150);
    EXPECT_LT(moved, 350);
}

TEST(MasqueradeRules, TheBoxsOwnAddressOnTheWayOut) {
    const MasqueradeRules rules = some_rules();
    const auto outside = rules.outside_of<Family::ipv4>(1, v4("10.0.1.1"), v4("203.0.113.2"));
    EXPECT_EQ(outside.address, v4("203.0.113.2"));
    EXPECT_EQ(outside.index, 7);
    EXPECT_TRUE(outside.by_way_out);
    EXPECT_EQ(rules.outside_of<Family::ipv4>(1, v4("10.0.1.1"), v4("192.0.2.2")).index, 9);
    EXPECT_EQ(rules.outside_of<Family::ipv6>(1, v6("fd00::1"), v6("2001:db8::2")).index, 8);
    EXPECT_EQ(rules.own<Family::ipv4>(v4("192.0.2.2")).index, 9);
    EXPECT_FALSE(rules.own<Family::ipv4>(v4("192.0.2.3")));
    EXPECT_TRUE(rules.is_inside<Family::ipv6>(v6("fd00::1")));
    EXPECT_FALSE(rules.is_inside<Family::ipv6>(v6("2001:db8::2")));
    EXPECT_FALSE(rules.outside_of<Family::ipv4>(1, v4("10.0.1.1"), v4("192.0.2.3")));
    EXPECT_FALSE(rules.outside_of<Family::ipv4>(1, v4("10.0.1.1"), {})) << "the box has none there";
    EXPECT_FALSE(rules.outside_of<Family::ipv6>(1, v6("fd00::1"), {}));
}

// The plain way: the first rule with a prefix that has the address.
std::uint32_t first_rule(const std::vector<MasqueradeSpec>& rules, const IpAddress& address) {
    for (std::uint32_t rule = 0; rule < rules.size(); ++rule)
        for (const Prefix& prefix : rules[rule].inside)
            if (prefix.contains(address)) return rule;
    return kNoRule;
}

// Few different bits, so that prefixes lie in each other, side by side, and at both ends.
IpAddress some_address(std::mt19937& random, bool is_v4) {
    constexpr std::uint8_t kBytes[] = {0, 1, 0x7f, 0x80, 0xff};
    std::array<std::uint8_t, 16> bytes{};
    std::uint8_t fill = kBytes[random() % 5];
    for (std::uint8_t& byte : bytes)
        byte = random() % 3 == 0 ? kBytes[random() % 5] : fill;
    if (!is_v4) return IpAddress(bytes);
    Be32 address;
    std::memcpy(&address, bytes.data(), sizeof address);
    return IpAddress(address);
}

TEST(MasqueradeRules, RulesThatLieInEachOtherAsALookThroughAllOfThem) {
    std::mt19937 random(5);
    for (int turn = 0; turn < 300; ++turn) {
        const bool is_v4 = turn % 2 == 0;
        std::vector<MasqueradeSpec> specs(1 + random() % 5);
        std::vector<IpAddress> addresses;
        for (MasqueradeSpec& spec : specs)
            for (unsigned n = random() % 6; n > 0; --n) {
                const IpAddress at = some_address(random, is_v4);
                spec.inside.push_back(
                    Prefix::of(at, static_cast<int>(random() % (is_v4 ? 33 : 129))));
                addresses.push_back(at);
            }
        for (int n = 0; n < 100; ++n)
            addresses.push_back(some_address(random, is_v4));
        const MasqueradeRules rules(specs, {});
        for (const IpAddress& address : addresses) {
            const bool is_inside = is_v4 ? rules.is_inside<Family::ipv4>(address.v4())
                                         : rules.is_inside<Family::ipv6>(address.bytes());
            const std::uint32_t expected = first_rule(specs, address);
            ASSERT_EQ(is_inside, expected != kNoRule) << address.to_string();
            const IpAddress outside = some_address(random, is_v4);
            if (first_rule(specs, outside) != kNoRule) continue;
            ASSERT_EQ(is_v4 ? rules.rule_for<Family::ipv4>(address.v4(), outside.v4())
                            : rules.rule_for<Family::ipv6>(address.bytes(), outside.bytes()),
                      expected)
                << address.to_string();
        }
    }
}

TEST(MasqueradeRules, EveryLengthOfAPrefix) {
    for (int length = 0; length <= 128; ++length) {
        const MasqueradeRules rules({{{net("fd00:1:2:3:4:5:6:7", length)}, {}}}, {});
        EXPECT_EQ(rules.rule_for<Family::ipv6>(v6("fd00:1:2:3:4:5:6:7"), v6("::")),
                  length == 0 ? kNoRule : 0U);
        if (length == 0) continue;
        auto other = v6("fd00:1:2:3:4:5:6:7");
        const int bit = length - 1;
        other[bit / 8] = static_cast<std::uint8_t>(other[bit / 8] ^ 0x80 >> bit % 8);
        EXPECT_EQ(rules.rule_for<Family::ipv6>(other, v6("::")), kNoRule);
    }
}

}  // namespace
}  // namespace usher
