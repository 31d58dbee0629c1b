// SPDX-License-Identifier: BSD-3-Clause
// What ipvsadm says when the kernel refuses: text by (operation, errno). Pure.
#pragma once

#include <string>
#include <string_view>

#include "conf/result.hpp"
#include "tools/cli/invocation.hpp"

namespace usher {

// ipvsadm's own text where it has one. For what is Usher's own (EOPNOTSUPP, EIO, EPROTO, ENOSPC)
// the daemon's sentence.
std::string ipvsadm_message(IpvsCommand command, const Error& error);

// What ipvsadm exits with when the kernel refused: 1 for a listing, else 255.
int ipvsadm_exit_code(IpvsCommand command);

// What --help prints on stdout.
std::string ipvsadm_help(std::string_view program);
std::string ipvsadm_version();

}  // namespace usher
