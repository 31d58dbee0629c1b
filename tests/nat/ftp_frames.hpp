// SPDX-License-Identifier: BSD-3-Clause
// Segments to frames and back, all lengths and checksums made and checked from nothing.
#pragma once

#include <vector>

#include "nat/flow.hpp"
#include "tests/nat/ftp_endpoint.hpp"

namespace usher::test {

struct Ends {
    IpAddress source;
    IpAddress destination;
};

template <Family F>
std::vector<std::uint8_t> frame_of(const Segment& segment, const Ends& ends);

// Throws Broken if anything in it is wrong.
template <Family F>
Segment segment_of(const std::vector<std::uint8_t>& frame);

}  // namespace usher::test
