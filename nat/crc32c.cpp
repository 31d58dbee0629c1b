// SPDX-License-Identifier: BSD-3-Clause
#include "nat/crc32c.hpp"

#include <array>

namespace usher {

namespace {

// Polynomials over GF(2), modulo CRC32c's: the highest bit is x^0, the lowest x^31.
using Polynomial = std::uint32_t;

constexpr Polynomial kModulus = 0x82f63b78;  // 0x1edc6f41 with its bits turned around
constexpr Polynomial kOne = 0x80000000;
constexpr Polynomial kByte = kOne >> 8;  // x^8: what one more byte behind multiplies a CRC by

constexpr Polynomial multiply(Polynomial a, Polynomial b) {
    Polynomial product = 0;
    for (int bit = 31; bit >= 0; --bit) {
        product ^= b & (0U - (a >> bit & 1U));
        b = b >> 1 ^ (kModulus & (0U - (b & 1U)));
    }
    return product;
}

constexpr std::array<Polynomial, 256> powers_of(Polynomial base) {
    std::array<Polynomial, 256> powers{kOne};
    for (std::size_t i = 1; i < powers.size(); ++i)
        powers[i] = multiply(powers[i - 1], base);
    return powers;
}

constexpr std::array<Polynomial, 256> kBytes = powers_of(kByte);
constexpr std::array<Polynomial, 256> kBytes256 = powers_of(multiply(kBytes[255], kByte));

}  // namespace

std::uint32_t crc32c_of_change(std::uint32_t delta, std::size_t size) {
    return multiply(multiply(delta, kBytes[size & 0xff]), kBytes256[size >> 8 & 0xff]);
}

}  // namespace usher
