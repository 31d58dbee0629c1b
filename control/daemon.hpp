// SPDX-License-Identifier: BSD-3-Clause
// usherd from start to end: everything is built here, in order, and taken down in the reverse one.
#pragma once

#include <string>

#include "conf/read.hpp"
#include "nat/result.hpp"

namespace usher {

// Runs until SIGTERM or SIGINT. The error says what to do; what had been started is stopped again.
Result<void> run_daemon(const ReadConfig& read, const std::string& config_path);

}  // namespace usher
