// SPDX-License-Identifier: BSD-3-Clause
// CRC32c (Castagnoli), the checksum of SCTP (RFC 9260 appendix A). It is linear: what changes in a
// message tells what changes in its CRC, and the rest of the message need not be seen.
#pragma once

#include <cstddef>
#include <cstdint>

namespace usher {

// Of a message of `size` bytes, 4 to 65,535, whose first four are XORed with `delta` (the lowest
// byte first): what its CRC is to be XORed with.
std::uint32_t crc32c_of_change(std::uint32_t delta, std::size_t size);

}  // namespace usher
