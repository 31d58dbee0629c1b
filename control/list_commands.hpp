// SPDX-License-Identifier: BSD-3-Clause
// The commands that show what is counted, and the one that begins counting anew. Each gives the
// line of its reply; `members` has nothing in it for those that take none (commands.cpp sees to
// that). Control thread.
#pragma once

#include <string>

#include "control/director.hpp"
#include "control/wire.hpp"

namespace usher {

std::string service_list(const Json& members, Director& director);
std::string connection_list(const Json& members, Director& director);
std::string stats_zero(const Json& members, Director& director);
std::string worker_list(const Json& members, Director& director);
std::string port_list(const Json& members, Director& director);
std::string drop_list(const Json& members, Director& director);
std::string table_show(const Json& members, Director& director);

}  // namespace usher
