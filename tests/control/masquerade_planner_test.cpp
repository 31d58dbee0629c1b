// SPDX-License-Identifier: BSD-3-Clause
#include "control/masquerade_planner.hpp"

#include <gtest/gtest.h>

namespace usher {
namespace {

IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}

Prefix net(const char* text, int length) {
    return Prefix::of(ip(text), length);
}

AddressRange range(const char* first, const char* last) {
    return {ip(first), ip(last)};
}

const BoxAddresses kBox{{ip("203.0.113.2"), ip("10.0.0.1"), ip("2001:db8::2")},
                        {ip("203.0.113.2"), ip("203.0.113.10"), ip("10.0.0.1"), ip("2001:db8::2")},
                        {ip("10.0.0.1")}};

TEST(PlanMasquerade, WhatTheBoxHasLendsTheHighPorts) {
    const auto plan = plan_masquerade(
        {{{net("10.0.0.0", 24)}, {range("203.0.113.9", "203.0.113.10")}, {}}}, kBox);
    EXPECT_EQ(plan.inside, std::vector{net("10.0.0.0", 24)});
    EXPECT_EQ(plan.outside,
              (std::vector<OutsidePorts>{{ip("203.0.113.9"), 1, 65535, 1, 65535},
                                         {ip("203.0.113.10"), 61000, 65535, 32768, 65535, 63},
                                         {ip("10.0.0.1"), 61000, 65535, 32768, 0, 63}}));
    EXPECT_EQ(plan.own, std::vector{ip("10.0.0.1")}) << "for servers that call services";
}

// Its address need not be inside itself.
TEST(PlanMasquerade, WhatServersInsideSeeOfTheBoxLendsPortsToo) {
    const auto plan = plan_masquerade(
        {{{net("10.0.0.100", 32)}, {range("203.0.113.9", "203.0.113.9")}, {}}}, kBox);
    EXPECT_EQ(plan.outside,
              (std::vector<OutsidePorts>{{ip("203.0.113.9"), 1, 65535, 1, 65535},
                                         {ip("10.0.0.1"), 61000, 65535, 32768, 0, 63}}))
        << "but no query ids: nothing pings from there";
    EXPECT_EQ(plan.own, std::vector{ip("10.0.0.1")});
}

TEST(PlanMasquerade, WithoutOutsideTheBoxsOwn) {
    const auto plan = plan_masquerade({{{net("10.0.0.0", 24)}, {}, PortRange{62000, 62999}}}, kBox);
    EXPECT_EQ(plan.own.size(), 3U);
    ASSERT_EQ(plan.outside.size(), 3U);
    EXPECT_EQ(plan.outside[0], (OutsidePorts{ip("203.0.113.2"), 62000, 62999, 62000, 62999}));
    EXPECT_TRUE(plan_masquerade({}, kBox).outside.empty());
}

class OutsideBookTest : public testing::Test {
  protected:
    std::uint16_t lease(const char* address, std::uint16_t port) {
        return pool_.lease(book_.index_of(ip(address)), PortKind::tcp, port, 1, 0);
    }
    PortPool pool_{2};
    OutsideBook book_{pool_};
};

TEST_F(OutsideBookTest, AddressesKeepTheirIndexAndServicesTheirPorts) {
    const ServiceKey service{0, Protocol::tcp, ip("203.0.113.9"), 80};
    ASSERT_TRUE(book_.set({{ip("203.0.113.9"), 1, 65535}}, {service}));
    const OutsideIndex index = book_.index_of(ip("203.0.113.9"));
    EXPECT_EQ(lease("203.0.113.9", 81), 81);
    EXPECT_NE(lease("203.0.113.9", 80), 80);
    ASSERT_TRUE(book_.set({{ip("203.0.113.8"), 1, 100}, {ip("203.0.113.9"), 1, 65535}}, {}));
    EXPECT_EQ(book_.index_of(ip("203.0.113.9")), index);
    EXPECT_NE(book_.index_of(ip("203.0.113.8")), index);
    EXPECT_EQ(lease("203.0.113.9", 80), 80);
    EXPECT_EQ(book_.index_of(ip("203.0.113.7")), kNoOutside);
}

TEST_F(OutsideBookTest, AnAddressIsKeptWhileItsPortsAreUsed) {
    ASSERT_TRUE(book_.set({{ip("203.0.113.8"), 1, 65535}, {ip("203.0.113.9"), 1, 65535}}, {}));
    const OutsideIndex index = book_.index_of(ip("203.0.113.9"));
    EXPECT_EQ(lease("203.0.113.9", 81), 81);
    ASSERT_TRUE(book_.set({{ip("203.0.113.8"), 1, 65535}}, {}));
    EXPECT_EQ(lease("203.0.113.9", 82), 0);
    EXPECT_EQ(pool_.use(index, PortKind::tcp).exhausted, 1U);
    EXPECT_EQ(book_.held().size(), 2U);
    const auto full = book_.set({{ip("203.0.113.7"), 1, 65535}, {ip("203.0.113.8"), 1, 65535}}, {});
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, Errc::no_space);
    EXPECT_EQ(lease("203.0.113.8", 81), 81);  // as it was

    pool_.rest(index, PortKind::tcp, 81);
    EXPECT_FALSE(book_.release());
    for (int i = 0; i < 3; ++i)
        pool_.begin_generation();
    EXPECT_TRUE(book_.release());
    EXPECT_EQ(book_.held().size(), 1U);
    EXPECT_TRUE(book_.set({{ip("203.0.113.7"), 1, 65535}, {ip("203.0.113.8"), 1, 65535}}, {}));
    EXPECT_EQ(book_.index_of(ip("203.0.113.7")), index);
    EXPECT_EQ(pool_.use(index, PortKind::tcp).exhausted, 0U);  // that was another's
}

TEST_F(OutsideBookTest, QueryIdsHaveASpanOfTheirOwn) {
    ASSERT_TRUE(book_.set({{ip("203.0.113.9"), 61000, 65535, 32768, 65535, 63}}, {}));
    const OutsideIndex index = book_.index_of(ip("203.0.113.9"));
    EXPECT_EQ(pool_.use(index, PortKind::udp).ports, 4536U);
    EXPECT_EQ(pool_.use(index, PortKind::query).ports, 512U);
    EXPECT_EQ(pool_.lease(index, PortKind::query, 61000, 7, 0) % 64, 63);
    EXPECT_EQ(pool_.lease(index, PortKind::query, 65535, 7, 0), 65535);
}

TEST_F(OutsideBookTest, TheWorkersRulesHaveTheIndexes) {
    const auto plan =
        plan_masquerade({{{net("10.0.0.0", 24)}, {range("203.0.113.8", "203.0.113.9")}, {}}}, kBox);
    std::vector<OutsidePorts> outside = plan.outside;
    outside.pop_back();  // the box's own: this pool has room for two
    ASSERT_TRUE(book_.set(outside, {}));
    const auto rules = compile_masquerade(plan, book_);
    const Be32 host = ip("10.0.0.55").v4();
    const auto rule = rules->rule_for<Family::ipv4>(host, ip("192.0.2.53").v4());
    ASSERT_NE(rule, MasqueradeRules::kNoRule);
    const auto found = rules->outside_of<Family::ipv4>(rule, host, {});
    EXPECT_EQ(found.index, book_.index_of(IpAddress(found.address)));
    EXPECT_TRUE(rules->is_inside<Family::ipv4>(host));
    EXPECT_FALSE(rules->own<Family::ipv4>(ip("10.0.0.1").v4()));
}

}  // namespace
}  // namespace usher
