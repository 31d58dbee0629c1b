// SPDX-License-Identifier: BSD-3-Clause
// How many errors the packets of one source may still cost, so that one who floods silences no
// other. All addresses share 256 buckets of tokens by a secret hash: a host that empties its own
// takes one in 256 others with it, and cannot choose which.
//
// One worker's.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/clock.hpp"
#include "nat/flow.hpp"

namespace usher {

class SourceBudget {
  public:
    // A second's, and the most that a source may save.
    static constexpr std::uint8_t kEach = 15 * kTicksPerSecond;

    explicit SourceBudget(const HashSeed& seed) : seed_(seed) { left_.fill(kEach); }

    // False: it has none left.
    template <Family F>
    bool take(const AddressOf<F>& source) {
        std::uint8_t& left = left_[bucket_of(IpAddress(source))];
        if (left == 0) return false;
        --left;
        return true;
    }

    // Each tick.
    void refill() {
        constexpr std::uint8_t kShare = kEach / kTicksPerSecond;
        for (std::uint8_t& left : left_)
            left = left > kEach - kShare ? kEach : static_cast<std::uint8_t>(left + kShare);
    }

  private:
    std::size_t bucket_of(const IpAddress& source) const {
        std::uint64_t words[2];
        std::memcpy(words, source.bytes().data(), sizeof(words));
        return fold_multiply(fold_multiply(words[0] ^ seed_.first, words[1] ^ seed_.second),
                             seed_.third) %
               left_.size();
    }

    const HashSeed seed_;
    std::array<std::uint8_t, 256> left_;
};

}  // namespace usher
