// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/cores.hpp"

#include <sched.h>

#include <optional>

namespace usher {

namespace {

std::optional<cpu_set_t> affinity() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return std::nullopt;
    return set;
}

cpu_set_t every_core() {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (unsigned core = 0; core < CPU_SETSIZE; ++core)
        CPU_SET(core, &set);
    return set;
}

std::vector<unsigned> cores_of(const std::optional<cpu_set_t>& set) {
    std::vector<unsigned> cores;
    for (unsigned core = 0; set && core < CPU_SETSIZE; ++core)
        if (CPU_ISSET(core, &*set)) cores.push_back(core);
    return cores;
}

}  // namespace

std::vector<unsigned> inherited_cores() {
    return cores_of(affinity());
}

// The kernel cuts what is asked for to the cpuset, and to what is there (sched_setaffinity(2)).
std::vector<unsigned> permitted_cores() {
    const auto before = affinity();
    if (!before) return {};
    const cpu_set_t all = every_core();
    if (sched_setaffinity(0, sizeof all, &all) != 0) return cores_of(before);
    const auto permitted = affinity();
    sched_setaffinity(0, sizeof *before, &*before);
    return cores_of(permitted);
}

}  // namespace usher
