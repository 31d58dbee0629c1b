// SPDX-License-Identifier: BSD-3-Clause
// Which CPUs the calling thread may have. Two answers, because of isolcpus: what init started, and
// every shell and service after it, inherits an affinity without the isolated CPUs; but the kernel
// gives them to whoever names them.
//
// Worked example. A box of 4 CPUs with isolcpus=2,3:
//   inherited_cores() 0, 1        where an unasked choice may fall
//   permitted_cores() 0, 1, 2, 3  what `[workers] cores` may name; with systemd's AllowedCPUs=0-2,
//                                 which is a cpuset, 0, 1, 2
#pragma once

#include <vector>

namespace usher {

std::vector<unsigned> inherited_cores();

// Asks the kernel by trying: the thread's affinity is as before when this returns.
std::vector<unsigned> permitted_cores();

}  // namespace usher
