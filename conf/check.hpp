// SPDX-License-Identifier: BSD-3-Clause
// What the machine has to say to a configuration that is right in itself. Pure: the facts are
// arguments, so that a test can have any machine.
#pragma once

#include <string>
#include <vector>

#include "conf/read.hpp"

namespace usher {

struct MachineFacts {
    std::vector<std::string> interfaces;  // as in `ip link`
    std::vector<unsigned> cores;          // those that this process may use
    std::vector<std::string> groups;
    std::vector<std::string> schedulers;  // those built in
};

// Empty when all is well. Each error has the position of the value, in the order of the file.
// A configuration without any interface is an error too.
std::vector<ConfigError> check_config(const ReadConfig& read, const MachineFacts& facts);

}  // namespace usher
