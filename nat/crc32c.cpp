// SPDX-License-Identifier: BSD-3-Clause
#include "nat/crc32c.hpp"

#ifdef __SSE4_2__
#include <nmmintrin.h>

#include <cstring>
#else
#include <array>
#endif

namespace usher {

#ifdef __SSE4_2__

std::uint32_t crc32c(std::span<const std::uint8_t> bytes, std::uint32_t before) {
    std::uint64_t crc = ~before;
    std::size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
        std::uint64_t word;
        std::memcpy(&word, bytes.data() + at, 8);
        crc = _mm_crc32_u64(crc, word);
    }
    auto rest = static_cast<std::uint32_t>(crc);
    for (; at < bytes.size(); ++at)
        rest = _mm_crc32_u8(rest, bytes[at]);
    return ~rest;
}

#else

namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // 0x1edc6f41 with its bits turned around

constexpr std::array<std::uint32_t, 256> remainders() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit)
            crc = crc >> 1 ^ (crc & 1 ? kPolynomial : 0);
        table[byte] = crc;
    }
    return table;
}

constexpr std::array<std::uint32_t, 256> kRemainders = remainders();

}  // namespace

std::uint32_t crc32c(std::span<const std::uint8_t> bytes, std::uint32_t before) {
    std::uint32_t crc = ~before;
    for (const std::uint8_t byte : bytes)
        crc = crc >> 8 ^ kRemainders[(crc ^ byte) & 0xff];
    return ~crc;
}

#endif

}  // namespace usher
