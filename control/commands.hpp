// SPDX-License-Identifier: BSD-3-Clause
// The commands of docs/protocol.md: one line in, one line out. All of them are in the one table in
// commands.cpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "control/director.hpp"

namespace usher {

// A reply never gets longer: a listing that would is refused with ENOSPC. It is also what the
// socket keeps for a client that does not read.
inline constexpr std::size_t kMaxReply = std::size_t{64} << 20;

// `line` without its LF: any bytes at all. The reply ends with LF. Never throws; on the control
// thread.
std::string handle_line(std::string_view line, Director& director);

}  // namespace usher
