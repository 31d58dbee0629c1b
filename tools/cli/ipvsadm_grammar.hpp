// SPDX-License-Identifier: BSD-3-Clause
// ipvsadm's command line to a value, with ipvsadm 1.31's own messages and exit codes. Pure: no
// input, no output; host and service names are resolved by the functions handed in.
//
//   -a -t 192.0.2.1:80 -r 10.0.0.1 -m -w 2
//     -> add_server, service TCP 192.0.2.1:80, server 10.0.0.1:80, masquerade, weight 2
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "tools/cli/address_text.hpp"
#include "tools/cli/invocation.hpp"

namespace usher {

// `words` is without the program's name, which only appears in the hint to --help.
// No words at all list the table, as in ipvsadm.
tl::expected<Invocation, UsageError> parse_ipvsadm(std::string_view program,
                                                   std::span<const std::string> words,
                                                   const NameResolver& names);

}  // namespace usher
