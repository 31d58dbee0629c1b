// SPDX-License-Identifier: BSD-3-Clause
// The three streams of a command, and what it exits with when there is no daemon.
#pragma once

#include <iosfwd>

namespace usher {

struct Terminal {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
};

// ipvsadm's own exit code where the kernel has no IPVS; `usher` has the same.
inline constexpr int kExitNoDaemon = 2;

}  // namespace usher
