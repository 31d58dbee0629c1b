// SPDX-License-Identifier: BSD-3-Clause
// When the sweeper is to look at each connection: a byte of seconds for each, so that it goes past
// those whose time has not come without touching them, 32 in a few instructions.
//
// A connection is looked at by the time it may be over, or kFarthest after the last look if that is
// sooner: what makes it live longer need not come here; what makes it end within kFarthest must.
//
// Threads: any worker. Two that set one byte at once may leave the later time in it: the connection
// is then swept up to kFarthest late, and until then a packet that meets it treats it as gone.
#pragma once

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "dataplane/clock.hpp"
#include "dataplane/connection.hpp"
#include "dataplane/mapped_array.hpp"

namespace usher {

class DueTimes {
  public:
    static constexpr Ticks kFarthest = seconds(60);
    // A clock that leaps by more than this may go round: then all have to be looked at.
    static constexpr Ticks kMostBetweenLooks = seconds(60);
    static constexpr unsigned kTogether = 32;

    explicit DueTimes(std::size_t connections) : due_(connections) {}

    // `from_now`: not negative.
    void set(ConnectionIndex index, Ticks now, Ticks from_now) {
        due_[index].store(second_of(now + std::min(from_now, kFarthest)),
                          std::memory_order_relaxed);
    }

    // Which of the kTogether from `first` on, a multiple of that, are due: bit by bit.
    std::uint32_t among(ConnectionIndex first, Ticks now) const {
#if defined(__AVX2__) && !defined(__SANITIZE_THREAD__)
        const auto* lanes = reinterpret_cast<const __m256i*>(&due_[first]);
        const __m256i seconds_now = _mm256_set1_epi8(static_cast<char>(second_of(now)));
        const __m256i since = _mm256_sub_epi8(seconds_now, _mm256_load_si256(lanes));
        return ~static_cast<std::uint32_t>(_mm256_movemask_epi8(since));  // not negative
#else
        std::uint32_t due = 0;
        for (unsigned i = 0; i < kTogether; ++i) {
            const std::uint8_t at = due_[first + i].load(std::memory_order_relaxed);
            due |= std::uint32_t{static_cast<std::uint8_t>(second_of(now) - at) < 128} << i;
        }
        return due;
#endif
    }

  private:
    static std::uint8_t second_of(Ticks ticks) {
        return static_cast<std::uint8_t>(ticks / kTicksPerSecond);
    }

    MappedArray<std::atomic<std::uint8_t>> due_;
};

}  // namespace usher
