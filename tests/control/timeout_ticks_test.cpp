// SPDX-License-Identifier: BSD-3-Clause
#include "control/timeout_ticks.hpp"

#include <gtest/gtest.h>

#include "dataplane/clock.hpp"

namespace usher {
namespace {

Ticks of(const StateTimeouts& timeouts, State state) {
    return timeouts[static_cast<std::size_t>(state)];
}

TEST(TimeoutTicks, AreTheOperators) {
    const StateTimeouts ticks = timeout_ticks({10, 20, 30});
    EXPECT_EQ(of(ticks, State::established), seconds(10));
    EXPECT_EQ(of(ticks, State::fin_wait), seconds(20));
    EXPECT_EQ(of(ticks, State::udp), seconds(30));
}

TEST(TimeoutTicks, AServicesOwn) {
    const auto own = own_timeout_ticks({10, 20, 30}, {77});
    ASSERT_EQ(own.size(), 1U);
    EXPECT_EQ(of(own[0], State::established), seconds(77));
    EXPECT_EQ(of(own[0], State::udp), seconds(77));
    EXPECT_EQ(of(own[0], State::sctp_established), seconds(77));
    EXPECT_EQ(of(own[0], State::fin_wait), seconds(20));
}

// ipvsadm --set 1 1 10
TEST(TimeoutTicks, OfMasqueradingAreNoShorterThanTheRfcsAllow) {
    const StateTimeouts ticks = masquerade_timeout_ticks({1, 1, 10});
    EXPECT_EQ(of(ticks, State::established), seconds(7440));
    EXPECT_EQ(of(ticks, State::fin_wait), seconds(240));
    EXPECT_EQ(of(ticks, State::syn_recv), seconds(240));
    EXPECT_EQ(of(ticks, State::close), seconds(240));
    EXPECT_EQ(of(ticks, State::udp), seconds(120));
}

TEST(TimeoutTicks, OfMasqueradingAreTheOperatorsWhenLonger) {
    const StateTimeouts ticks = masquerade_timeout_ticks({9000, 300, 300});
    EXPECT_EQ(of(ticks, State::established), seconds(9000));
    EXPECT_EQ(of(ticks, State::fin_wait), seconds(300));
    EXPECT_EQ(of(ticks, State::udp), seconds(300));
}

TEST(TimeoutTicks, OfMasqueradedQueriesAreShort) {
    for (const std::uint32_t udp : {10, 300}) {
        const StateTimeouts ticks = masqueraded_query_timeout_ticks({900, 120, udp});
        EXPECT_EQ(of(ticks, State::udp), seconds(30));
        EXPECT_EQ(of(ticks, State::established), seconds(7440));
    }
}

}  // namespace
}  // namespace usher
