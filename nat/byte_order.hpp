// SPDX-License-Identifier: BSD-3-Clause
// Integers as they lie on the wire. They never convert silently: write .host() or .raw().
#pragma once

#include <bit>
#include <compare>
#include <cstdint>
#include <type_traits>

namespace usher {

template <class T>
class BigEndian {
    static_assert(std::is_unsigned_v<T> && std::endian::native == std::endian::little);

  public:
    constexpr BigEndian() = default;
    static constexpr BigEndian from_host(T value) { return BigEndian(swap(value)); }
    static constexpr BigEndian from_raw(T wire) { return BigEndian(wire); }

    constexpr T host() const { return swap(wire_); }
    constexpr T raw() const { return wire_; }

    friend constexpr bool operator==(BigEndian a, BigEndian b) { return a.wire_ == b.wire_; }
    friend constexpr auto operator<=>(BigEndian a, BigEndian b) { return a.host() <=> b.host(); }

  private:
    constexpr explicit BigEndian(T wire) : wire_(wire) {}
    static constexpr T swap(T v) {
        if constexpr (sizeof(T) == 2) return __builtin_bswap16(v);
        if constexpr (sizeof(T) == 4) return __builtin_bswap32(v);
        if constexpr (sizeof(T) == 8) return __builtin_bswap64(v);
    }
    T wire_ = 0;
};

using Be16 = BigEndian<std::uint16_t>;
using Be32 = BigEndian<std::uint32_t>;
using Be64 = BigEndian<std::uint64_t>;

static_assert(sizeof(Be16) == 2 && sizeof(Be32) == 4);

}  // namespace usher
