// SPDX-License-Identifier: BSD-3-Clause
// The capture that net_pcap replays: every flow's packets in both directions, in round-robin order,
// as they reach the one arm of a director that has one server behind the service.
#pragma once

#include <string>

#include "tools/benchmark/one_arm.hpp"

namespace usher::bench {

// Throws std::runtime_error when the file cannot be written.
void write_capture(const std::string& path, const OneArmTraffic& traffic);

}  // namespace usher::bench
