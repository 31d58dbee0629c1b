// SPDX-License-Identifier: BSD-3-Clause
// IPVS's rate estimator for one service or one server: what ipvsadm --rate shows. Pure; the owner
// keeps one for each thing it counts and calls sample() every 2 s with that thing's totals.
//
// Arithmetic as in IPVS, to the last bit: fixed point (connections and packets a second times
// 1024, bytes times 32), a quarter of the difference taken over at each sample, rounded when read.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "control/listing.hpp"

namespace usher {

class RateEstimator {
  public:
    static constexpr std::chrono::seconds kPeriod{2};

    // `start`: the totals now; what was counted before is not part of any rate.
    explicit RateEstimator(const Stats& start = {}) : last_(start) {}

    // Totals that went down (zeroed counters, a server that came back) count as a new start.
    void sample(const Stats& totals);
    Rate read() const;
    void restart(const Stats& totals) { *this = RateEstimator(totals); }

  private:
    Stats last_;
    std::int64_t cps_ = 0;  // fixed point
    std::int64_t in_pps_ = 0;
    std::int64_t out_pps_ = 0;
    std::int64_t in_bps_ = 0;
    std::int64_t out_bps_ = 0;
};

}  // namespace usher
