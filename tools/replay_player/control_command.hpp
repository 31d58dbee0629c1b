// SPDX-License-Identifier: BSD-3-Clause
// What a command that was run on the director is to Usher.
#pragma once

#include <string>
#include <vector>

#include "tools/replay_player/scenario.hpp"

namespace usher::replay {

// One of the three, or none: then the command (modprobe, ip, ...) is about something that Usher
// does not have, and is passed over as settings are that it does not know.
struct ControlCommand {
    std::vector<Sysctl> settings;      // of sysctl -w, or written to /proc/sys
    std::vector<std::string> ipvsadm;  // its words
    std::string marks;                 // for apply_mark_command
};

ControlCommand read_control_command(const std::string& line);

}  // namespace usher::replay
