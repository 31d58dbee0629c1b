// SPDX-License-Identifier: BSD-3-Clause
// CRC32c (Castagnoli), the checksum of SCTP (RFC 9260 appendix A).
#pragma once

#include <cstdint>
#include <span>

namespace usher {

// Over several pieces: each call takes what the one before returned; the first takes 0.
std::uint32_t crc32c(std::span<const std::uint8_t> bytes, std::uint32_t before = 0);

}  // namespace usher
