// SPDX-License-Identifier: BSD-3-Clause
#include "control/rates.hpp"

#include <gtest/gtest.h>

namespace usher {
namespace {

TEST(Rates, ASteadyRateIsReachedByQuarters) {
    RateEstimator estimator;
    Stats totals;
    // 1000 a second: a quarter of the difference at each sample, 250, 437.5, 578.1, 683.6 ...
    for (const std::uint64_t expected : {250U, 437U, 578U, 684U, 763U, 822U}) {
        totals.conns += 2000;
        totals.in_bytes += 2000;
        estimator.sample(totals);
        EXPECT_EQ(estimator.read().cps, expected);
    }
    for (int i = 0; i < 100; ++i) {
        totals.conns += 2000;
        totals.in_bytes += 2000;
        estimator.sample(totals);
    }
    EXPECT_EQ(estimator.read().cps, 1000U);
    EXPECT_EQ(estimator.read().in_bps, 1000U);
    EXPECT_EQ(estimator.read().out_bps, 0U);
}

TEST(Rates, HalfReadsAsNothingAndMoreAsOne) {
    RateEstimator half;
    half.sample({4, 0, 0, 0, 0});  // 2 a second, a quarter of it: 0.5
    EXPECT_EQ(half.read().cps, 0U);
    RateEstimator more;
    more.sample({5, 0, 0, 0, 0});
    EXPECT_EQ(more.read().cps, 1U);
}

TEST(Rates, SilenceDecaysToZero) {
    RateEstimator estimator;
    const Stats totals{1000000, 0, 77, 0, 123456789};
    estimator.sample(totals);
    EXPECT_GT(estimator.read().out_bps, 0U);
    for (int i = 0; i < 100; ++i)
        estimator.sample(totals);
    EXPECT_EQ(estimator.read(), Rate{});
}

TEST(Rates, CountersThatGoBackAreANewStart) {
    RateEstimator estimator(Stats{1000, 1000, 1000, 1000, 1000});
    estimator.sample({});
    EXPECT_EQ(estimator.read(), Rate{});
    estimator.sample({8, 0, 0, 0, 0});
    EXPECT_EQ(estimator.read().cps, 1U);
    estimator.restart({8, 0, 0, 0, 0});
    EXPECT_EQ(estimator.read(), Rate{});
}

TEST(Rates, ATerabitDoesNotOverflow) {
    RateEstimator estimator;
    Stats totals;
    for (int i = 0; i < 100; ++i) {
        totals.in_bytes += 250'000'000'000ULL;
        estimator.sample(totals);
    }
    EXPECT_EQ(estimator.read().in_bps, 125'000'000'000ULL);
}

}  // namespace
}  // namespace usher
