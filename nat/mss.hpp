// SPDX-License-Identifier: BSD-3-Clause
// The largest segment that a SYN asks for (RFC 9293 section 3.7.1), lowered: for paths whose small
// MTU is hidden, because somebody on them drops ICMP.
#pragma once

#include <cstdint>
#include <span>

namespace usher {

// `segment` begins with a TCP header that parse_transport accepted. Lowers its MSS option to
// `most` bytes, the checksum with it; one that is lower, or none, stays. Options that cannot be end
// the search.
void clamp_mss(std::span<std::uint8_t> segment, std::uint16_t most);

}  // namespace usher
