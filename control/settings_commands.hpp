// SPDX-License-Identifier: BSD-3-Clause
// The commands about the configuration, the settings, the log and the program itself. Each gives
// the line of its reply; `members` has nothing in it for those that take none (commands.cpp sees to
// that). Control thread.
#pragma once

#include <string>

#include "control/director.hpp"
#include "control/wire.hpp"

namespace usher {

std::string config_show(const Json& members, Director& director);
std::string config_save(const Json& members, Director& director);
std::string config_reload(const Json& members, Director& director);
std::string log_get(const Json& members, Director& director);
std::string log_set(const Json& members, Director& director);
std::string vs_list(const Json& members, Director& director);
std::string marks_list(const Json& members, Director& director);
std::string version(const Json& members, Director& director);

}  // namespace usher
