// SPDX-License-Identifier: BSD-3-Clause
// Plain values -> a TOML file that reads back to the same values. Only what differs from its
// default is written. Any thread; pure.
#pragma once

#include <string>

#include "conf/model.hpp"

namespace usher {

// Equal Configs give equal text. The Config must be one that could be read: conf/rules.hpp.
std::string write_config(const Config& config);

}  // namespace usher
