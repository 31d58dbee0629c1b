// SPDX-License-Identifier: BSD-3-Clause
// SipHash-1-3 of four bytes, as the mh scheduler uses it: one round for each word of the message,
// three at the end (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; there with
// 2 and 4). Pure.
#pragma once

#include <bit>
#include <cstdint>

namespace usher {

struct SipKey {
    std::uint64_t k0;
    std::uint64_t k1;
};

class SipState {
  public:
    explicit constexpr SipState(const SipKey& key)
        : v0_(key.k0 ^ 0x736f6d6570736575U),
          v1_(key.k1 ^ 0x646f72616e646f6dU),
          v2_(key.k0 ^ 0x6c7967656e657261U),
          v3_(key.k1 ^ 0x7465646279746573U) {}

    constexpr void absorb(std::uint64_t word) {
        v3_ ^= word;
        round();
        v0_ ^= word;
    }
    constexpr std::uint64_t finish() {
        v2_ ^= 0xff;
        for (int i = 0; i < 3; ++i)
            round();
        return v0_ ^ v1_ ^ v2_ ^ v3_;
    }

  private:
    constexpr void round() {
        v0_ += v1_;
        v1_ = std::rotl(v1_, 13) ^ v0_;
        v0_ = std::rotl(v0_, 32);
        v2_ += v3_;
        v3_ = std::rotl(v3_, 16) ^ v2_;
        v0_ += v3_;
        v3_ = std::rotl(v3_, 21) ^ v0_;
        v2_ += v1_;
        v1_ = std::rotl(v1_, 17) ^ v2_;
        v2_ = std::rotl(v2_, 32);
    }

    std::uint64_t v0_, v1_, v2_, v3_;
};

// Of the four bytes of `message`, the lowest first. The last word of a message has its length in
// the top byte; with fewer than eight bytes it is the only one.
constexpr std::uint64_t siphash13(std::uint32_t message, const SipKey& key) {
    SipState state(key);
    state.absorb(std::uint64_t{4} << 56 | message);
    return state.finish();
}

}  // namespace usher
