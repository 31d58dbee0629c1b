// SPDX-License-Identifier: BSD-3-Clause
// The coarse time of connections: 1/16 s ticks since some moment, in 32 bits. Differences are taken
// modulo 2^32, so they are right up to 4 years either way; the longest timeout is 31 days.
#pragma once

#include <cstdint>

namespace usher {

using Ticks = std::uint32_t;
inline constexpr Ticks kTicksPerSecond = 16;

constexpr Ticks seconds(std::uint32_t s) {
    return s * kTicksPerSecond;
}

}  // namespace usher
