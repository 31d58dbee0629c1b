// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port_pool.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace usher {
namespace {

constexpr OutsideIndex kOne = 1;

class PortPoolTest : public testing::Test {
  protected:
    void SetUp() override { pool_.set_span(kOne, {1, 65535}); }
    std::uint16_t lease(std::uint16_t wanted, PortKind kind = PortKind::udp) {
        return pool_.lease(kOne, kind, wanted, random_(), now_);
    }
    std::uint16_t any(std::uint16_t wanted) {
        return pool_.any(kOne, PortKind::udp, wanted, random_());
    }
    void sleep_a_generation() { pool_.begin_generation(); }

    PortPool pool_{4};
    Ticks now_ = 7000;
    std::mt19937_64 random_{7};
};

TEST(PortKinds, AreThoseOfTheProtocolsThatAreMasqueraded) {
    EXPECT_EQ(port_kind(6), PortKind::tcp);
    EXPECT_EQ(port_kind(17), PortKind::udp);
    EXPECT_EQ(port_kind(1), PortKind::query);
    EXPECT_EQ(port_kind(58), PortKind::query);
    EXPECT_FALSE(port_kind(132));
    EXPECT_FALSE(port_kind(47));
}

TEST_F(PortPoolTest, TheFirstKeepsItsPort) {
    EXPECT_EQ(lease(5353), 5353);
    EXPECT_EQ(lease(123), 123);
    EXPECT_EQ(lease(65535), 65535);
    EXPECT_EQ(lease(1), 1);
    EXPECT_EQ(lease(5353, PortKind::tcp), 5353);
    EXPECT_EQ(lease(5353, PortKind::query), 5353);
}

TEST_F(PortPoolTest, TheNextKeepsParityAndRange) {
    for (const std::uint16_t wanted : {123, 124, 5353, 5354, 65535}) {
        std::set<std::uint16_t> seen;
        for (int i = 0; i < 200; ++i) {
            const std::uint16_t port = lease(wanted);
            EXPECT_TRUE(seen.insert(port).second);
            EXPECT_EQ(port % 2, wanted % 2);
            EXPECT_EQ(port < 1024, wanted < 1024);
        }
    }
}

TEST_F(PortPoolTest, ThenTheParityGoesAndALowPortBecomesAHighOne) {
    for (int i = 0; i < 1023; ++i)
        EXPECT_LT(lease(123), 1024);
    EXPECT_GE(lease(123), 1024);
    for (int i = 0; i < 65536 - 1024 - 1; ++i)
        ASSERT_GE(lease(5353), 1024) << i;
    EXPECT_EQ(pool_.use(kOne, PortKind::udp).used, 65535U);
    EXPECT_EQ(pool_.use(kOne, PortKind::udp).exhausted, 0U);
    EXPECT_EQ(lease(5353), 0);
    EXPECT_EQ(lease(123), 0);
    EXPECT_EQ(pool_.use(kOne, PortKind::udp).exhausted, 2U);
    EXPECT_EQ(lease(5353, PortKind::tcp), 5353);
}

TEST_F(PortPoolTest, AHighPortTakesNoLowOne) {
    pool_.set_span(kOne, {1000, 1030});
    for (int i = 1024; i <= 1030; ++i)
        EXPECT_GE(lease(5353), 1024);
    EXPECT_EQ(lease(5353), 0);
    // Unless there are no others.
    pool_.set_span(kOne, {1000, 1010});
    EXPECT_NE(lease(5353), 0);
}

TEST_F(PortPoolTest, OnlyPortsOfTheSpan) {
    pool_.set_span(kOne, {61000, 61066});
    for (int i = 0; i < 67; ++i) {
        const std::uint16_t port = lease(static_cast<std::uint16_t>(i * 900));
        EXPECT_GE(port, 61000);
        EXPECT_LE(port, 61066);
    }
    EXPECT_EQ(lease(61000), 0);
    EXPECT_EQ(pool_.use(kOne, PortKind::udp).ports, 67U);
    pool_.set_span(kOne, {});
    EXPECT_EQ(lease(5), 0);
    EXPECT_EQ(pool_.use(kOne, PortKind::udp).ports, 0U);
}

TEST_F(PortPoolTest, QueryIdsHaveNoRanges) {
    pool_.set_span(kOne, {61000, 65535});
    EXPECT_GE(lease(1, PortKind::query), 61000);
    EXPECT_GE(lease(0, PortKind::query), 61000);
    pool_.set_span(kOne, {1, 65535});
    bool low = false;
    bool other_parity = false;
    EXPECT_EQ(lease(7000, PortKind::query), 7000);
    for (int i = 0; i < 2000; ++i) {
        const std::uint16_t id = lease(7000, PortKind::query);
        low = low || id < 1024;
        other_parity = other_parity || id % 2 == 1;
    }
    EXPECT_TRUE(low);
    EXPECT_TRUE(other_parity);
}

TEST_F(PortPoolTest, APortRestsForTwoGenerations) {
    EXPECT_EQ(lease(5353), 5353);
    pool_.rest(kOne, PortKind::udp, 5353);
    EXPECT_EQ(pool_.use(kOne, PortKind::udp).used, 0U);
    EXPECT_EQ(pool_.use(kOne, PortKind::udp).resting, 1U);
    for (int generation = 0; generation < 3; ++generation) {
        EXPECT_NE(lease(5353), 5353) << generation;
        EXPECT_FALSE(pool_.is_idle(kOne));
        sleep_a_generation();
    }
    EXPECT_EQ(pool_.use(kOne, PortKind::udp).resting, 0U);
    EXPECT_EQ(lease(5353), 5353);
}

TEST_F(PortPoolTest, RestingPortsAreNotHandedOutUnderPressure) {
    pool_.set_span(kOne, {61000, 61009});
    for (int i = 0; i < 10; ++i)
        pool_.rest(kOne, PortKind::tcp, lease(61000, PortKind::tcp));
    EXPECT_EQ(lease(61000, PortKind::tcp), 0);
    sleep_a_generation();
    sleep_a_generation();
    EXPECT_EQ(lease(61000, PortKind::tcp), 0);
    sleep_a_generation();
    EXPECT_EQ(lease(61000, PortKind::tcp), 61000);
}

TEST_F(PortPoolTest, WhatWasNotUsedIsFreeAtOnce) {
    EXPECT_EQ(lease(5353), 5353);
    pool_.give_back(kOne, PortKind::udp, 5353);
    EXPECT_TRUE(pool_.is_idle(kOne));
    EXPECT_EQ(lease(5353), 5353);
}

TEST_F(PortPoolTest, PortsOfServicesAreNotHandedOut) {
    pool_.set_services(kOne, PortKind::udp, {53, 5353});
    EXPECT_NE(lease(5353), 5353);
    EXPECT_EQ(lease(5353, PortKind::tcp), 5353);
    EXPECT_EQ(pool_.use(kOne, PortKind::udp).ports, 65535U - 2);
    pool_.set_services(kOne, PortKind::udp, {0});
    EXPECT_EQ(lease(4000), 0);
    EXPECT_EQ(pool_.use(kOne, PortKind::udp).ports, 0U);
    pool_.set_services(kOne, PortKind::udp, {});
    EXPECT_EQ(lease(5353), 5353);
}

TEST_F(PortPoolTest, PortsAreDrawnFromEverywhere) {
    std::set<int> thousands;
    for (int i = 0; i < 400; ++i)
        thousands.insert(lease(5353) / 4096);
    EXPECT_EQ(thousands.size(), 16U);
}

TEST_F(PortPoolTest, AddressesDoNotShare) {
    pool_.set_span(2, {1, 65535});
    EXPECT_EQ(lease(5353), 5353);
    EXPECT_EQ(pool_.lease(2, PortKind::udp, 5353, 1, now_), 5353);
    EXPECT_EQ(pool_.lease(3, PortKind::udp, 5353, 1, now_), 0);
}

// One inside host that opens and opens connections must not have a worker do nothing but search.
TEST_F(PortPoolTest, AUsedUpRangeIsNotSearchedAgainAtOnce) {
    pool_.set_span(kOne, {61000, 61009});
    for (int i = 0; i < 10; ++i)
        EXPECT_NE(lease(5), 0);
    EXPECT_EQ(lease(5), 0);
    pool_.give_back(kOne, PortKind::udp, 61003);
    now_ += kKnownEmpty - 1;
    EXPECT_EQ(lease(5), 0);
    EXPECT_EQ(pool_.use(kOne, PortKind::udp).exhausted, 2U) << "counted all the same";
    EXPECT_EQ(lease(61003), 61003) << "the very port is always tried";
    EXPECT_NE(lease(5, PortKind::tcp), 0);
    pool_.give_back(kOne, PortKind::udp, 61003);
    ++now_;
    EXPECT_EQ(lease(5), 61003);
    EXPECT_EQ(lease(5), 0);
    pool_.set_span(kOne, {61000, 61010});
    EXPECT_EQ(lease(5), 61010) << "others are there now";
}

TEST_F(PortPoolTest, LowPortsAreThereWhenTheHighOnesAreUsedUp) {
    pool_.set_span(kOne, {1000, 1030});
    for (int i = 1024; i <= 1030; ++i)
        EXPECT_NE(lease(5353), 0);
    EXPECT_EQ(lease(5353), 0);
    EXPECT_NE(lease(123), 0);
}

TEST_F(PortPoolTest, AnyPortIsOneOfTheSpanAndNoServices) {
    pool_.set_span(kOne, {61000, 61003});
    pool_.set_services(kOne, PortKind::udp, {61001});
    EXPECT_EQ(lease(61000), 61000);
    EXPECT_EQ(any(61000), 61000) << "leased or not";
    std::set<std::uint16_t> seen;
    for (int i = 0; i < 200; ++i)
        seen.insert(any(i % 2 == 0 ? 61001 : 40000));
    EXPECT_EQ(seen, (std::set<std::uint16_t>{61000, 61002, 61003}));
    EXPECT_EQ(pool_.use(kOne, PortKind::udp).used, 1U) << "it takes none";
    pool_.set_services(kOne, PortKind::udp, {0});
    EXPECT_EQ(any(61000), 0);
    pool_.set_span(kOne, {});
    EXPECT_EQ(any(61000), 0);
}

}  // namespace
}  // namespace usher
