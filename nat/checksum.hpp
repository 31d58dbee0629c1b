// SPDX-License-Identifier: BSD-3-Clause
// The Internet checksum (RFC 1071) and its incremental update (RFC 1624). Sums are taken over the
// bytes as they lie in memory: one's complement addition does not care about byte order as long as
// both sides use the same (RFC 1071, section 2 B).
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "nat/flow.hpp"

namespace usher {

inline std::uint16_t fold(std::uint32_t sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum + (sum >> 16));
}

// The one's complement sum of the 16-bit words of `bytes`, not complemented.
inline std::uint32_t sum_words(std::span<const std::uint8_t> bytes, std::uint32_t start = 0) {
    std::uint64_t sum = start;
    std::size_t at = 0;
    for (; at + 2 <= bytes.size(); at += 2) {
        std::uint16_t word;
        std::memcpy(&word, bytes.data() + at, 2);
        sum += word;
    }
    if (at < bytes.size()) sum += bytes[at];
    while (sum >> 32)
        sum = (sum & 0xffffffff) + (sum >> 32);
    return fold(static_cast<std::uint32_t>((sum & 0xffff) + (sum >> 16)));
}

// What a rewrite adds to a checksum: the sum of ~m + m' (RFC 1624, eqn. 3) over the changed words,
// worked out once a connection and applied to each of its packets.
struct ChecksumDelta {
    std::uint16_t value = 0;

    constexpr ChecksumDelta opposite() const { return {static_cast<std::uint16_t>(~value)}; }

    // Both in one step.
    std::uint16_t apply(std::uint16_t checksum, ChecksumDelta other) const {
        const std::uint32_t sum =
            static_cast<std::uint16_t>(~checksum) + std::uint32_t{value} + other.value;
        return static_cast<std::uint16_t>(~fold(sum));
    }

    // eqn. 3: HC' = ~(~HC + ~m + m'). eqn. 4 would need a special case for 0xffff.
    std::uint16_t apply(std::uint16_t checksum) const {
        const std::uint32_t sum = static_cast<std::uint16_t>(~checksum) + std::uint32_t{value};
        return static_cast<std::uint16_t>(~((sum & 0xffff) + (sum >> 16)));
    }
};

template <class T>
std::uint32_t words_of(const T& value) {
    static_assert(sizeof(T) % 2 == 0);
    std::uint16_t words[sizeof(T) / 2];
    std::memcpy(words, &value, sizeof value);
    std::uint32_t sum = 0;
    for (const std::uint16_t word : words)
        sum += word;
    return sum;
}

// The delta that takes the sum of `before` to the sum of `after`.
template <class T>
ChecksumDelta delta_of(const T& before, const T& after) {
    std::uint32_t sum = words_of(after);
    std::uint16_t words[sizeof(T) / 2];
    std::memcpy(words, &before, sizeof before);
    for (const std::uint16_t word : words)
        sum += static_cast<std::uint16_t>(~word);
    return {fold(sum)};
}

inline ChecksumDelta combine(ChecksumDelta a, ChecksumDelta b) {
    return {fold(std::uint32_t{a.value} + b.value)};
}

// TTL less one: the word (TTL, protocol) falls by 0x0100.
inline constexpr ChecksumDelta kTtlDelta{
    static_cast<std::uint16_t>(~Be16::from_host(0x0100).raw())};

}  // namespace usher
