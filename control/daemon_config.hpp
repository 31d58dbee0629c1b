// SPDX-License-Identifier: BSD-3-Clause
// The daemon's configuration file: read, checked against itself, this machine and this version.
#pragma once

#include <string>
#include <vector>

#include "conf/check.hpp"

namespace usher {

// What this machine has, as far as `config` asks.
MachineFacts machine_facts(const Config& config);

// Everything is right, or each mistake with its position.
ConfigResult load_config(const std::string& path);

// The cores of the workers: as written, or the last one of those that we were started on. (One that
// is isolated is taken only when it is named.)
std::vector<unsigned> worker_cores(const Config& config);

// The core of the control thread: one that no worker has, if there is one.
unsigned main_core(const std::vector<unsigned>& worker_cores);

}  // namespace usher
