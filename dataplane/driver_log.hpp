// SPDX-License-Identifier: BSD-3-Clause
// Keeps what DPDK, libbpf and libxdp would print to stderr: their last lines explain a
// failure. Any thread.
#pragma once

#include <string>

namespace usher {

// From now on. Called once, before any of the three is used; their threads may then write freely.
void keep_driver_messages();

void forget_driver_messages();  // before something that may fail
std::string driver_messages();  // the newest few lines in one, oldest first; may be empty

}  // namespace usher
