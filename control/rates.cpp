// SPDX-License-Identifier: BSD-3-Clause
#include "control/rates.hpp"

namespace usher {
namespace {

constexpr int kCountShift = 10;  // fixed point of connections and packets a second
constexpr int kByteShift = 5;
constexpr int kPeriodShift = 1;  // a sample covers 2 s

void take_over(std::int64_t& average, std::uint64_t now, std::uint64_t before, int shift) {
    const std::uint64_t counted = now >= before ? now - before : 0;
    const auto rate = static_cast<std::int64_t>(counted << (shift - kPeriodShift));
    average += (rate - average) >> 2;  // arithmetic shift: rounds down, also below zero
}

// Half of a unit, less one step, is added first: 0.5 reads as 0, anything above it as 1.
std::uint64_t rounded(std::int64_t average, int shift) {
    return static_cast<std::uint64_t>((average + (1 << (shift - 1)) - 1) >> shift);
}

}  // namespace

void RateEstimator::sample(const Stats& totals) {
    take_over(cps_, totals.conns, last_.conns, kCountShift);
    take_over(in_pps_, totals.in_packets, last_.in_packets, kCountShift);
    take_over(out_pps_, totals.out_packets, last_.out_packets, kCountShift);
    take_over(in_bps_, totals.in_bytes, last_.in_bytes, kByteShift);
    take_over(out_bps_, totals.out_bytes, last_.out_bytes, kByteShift);
    last_ = totals;
}

Rate RateEstimator::read() const {
    return {rounded(cps_, kCountShift), rounded(in_pps_, kCountShift),
            rounded(out_pps_, kCountShift), rounded(in_bps_, kByteShift),
            rounded(out_bps_, kByteShift)};
}

}  // namespace usher
