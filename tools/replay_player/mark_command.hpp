// SPDX-License-Identifier: BSD-3-Clause
// The iptables and ip6tables commands by which scenarios give packets a mark, as changes of Usher's
// own mark rules.
#pragma once

#include <string>
#include <vector>

#include "conf/model.hpp"
#include "conf/result.hpp"

namespace usher::replay {

// -A, -I, -D and -F of -j MARK --set-mark in mangle's PREROUTING, with -d, -s, -p, -i and ports (of
// multiport too); --syn goes without saying, as only first packets need a mark. In a mangle chain
// the last rule that matches decides, of Usher's rules the first: a rule that is appended goes to
// the front. Fails with Errc::invalid, and says at what, on anything else.
Result<std::vector<MarkRule>> apply_mark_command(const std::string& command,
                                                 std::vector<MarkRule> rules);

}  // namespace usher::replay
