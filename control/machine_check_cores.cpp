// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "control/machine_check.hpp"

namespace usher {

namespace {

bool contains(const std::vector<unsigned>& cores, unsigned core) {
    return std::find(cores.begin(), cores.end(), core) != cores.end();
}

template <class Matches>
std::vector<unsigned> those(const Machine& machine, const std::vector<unsigned>& cores,
                            Matches matches) {
    std::vector<unsigned> found;
    for (const unsigned core : cores)
        if (const auto facts = machine.cores.find(core);
            facts != machine.cores.end() && matches(facts->second))
            found.push_back(core);
    return found;
}

std::string cores_text(const std::vector<unsigned>& cores) {
    return fmt::format("{} {}", cores.size() == 1 ? "core" : "cores", fmt::join(cores, ", "));
}

void check_existence(const Machine& machine, const PlannedCores& cores, Findings& findings) {
    std::set<unsigned> seen;
    for (const unsigned core : cores.workers) {
        if (!machine.cores.empty() && !machine.cores.contains(core))
            findings.push_back({Grade::error, fmt::format("core {} does not exist or is off", core),
                                "name others in [workers] cores; `lscpu -e` lists them"});
        if (!seen.insert(core).second)
            findings.push_back({Grade::advice, fmt::format("two workers share core {}", core),
                                "name each core once in [workers] cores"});
    }
    if (contains(cores.workers, cores.main))
        findings.push_back(
            {Grade::advice,
             fmt::format("core {} is a worker's and the control thread's, too", cores.main),
             "leave usherd a core that no worker has"});
}

// A worker polls: whatever else runs on its core takes away from it, and packets are lost.
void check_isolation(const Machine& machine, const PlannedCores& cores, Findings& findings) {
    const auto shared =
        those(machine, cores.workers, [](const CoreFacts& core) { return !core.isolated; });
    if (shared.empty()) {
        findings.push_back(
            {Grade::ok, fmt::format("workers are alone on {}", cores_text(cores.workers)), {}});
        return;
    }
    const std::string list = fmt::format("{}", fmt::join(shared, ","));
    findings.push_back(
        {Grade::advice,
         fmt::format("{} {} open to other programs, which cost packets under load",
                     cores_text(shared), shared.size() == 1 ? "is" : "are"),
         fmt::format("isolcpus={0} nohz_full={0} rcu_nocbs={0} on the kernel's command line, and "
                     "reboot",
                     list)});
}

void check_frequency(const Machine& machine, const PlannedCores& cores, Findings& findings) {
    const auto slow = those(machine, cores.workers, [](const CoreFacts& core) {
        return !core.governor.empty() && core.governor != "performance";
    });
    if (!slow.empty())
        findings.push_back(
            {Grade::advice,
             fmt::format("{}: the clock is lowered between bursts (governor {})", cores_text(slow),
                         machine.cores.at(slow.front()).governor),
             fmt::format("cpupower -c {} frequency-set -g performance", fmt::join(slow, ","))});
}

// Two hardware threads of one core share what a worker needs most: the cache and the pipeline.
void check_siblings(const Machine& machine, const PlannedCores& cores, Findings& findings) {
    for (const unsigned core : cores.workers) {
        const auto facts = machine.cores.find(core);
        if (facts == machine.cores.end()) continue;
        for (const unsigned other : facts->second.siblings)
            if (core < other && contains(cores.workers, other))
                findings.push_back({Grade::advice,
                                    fmt::format("{} and {} are one core's two hardware threads: "
                                                "two workers there are little more than one",
                                                core, other),
                                    "name threads of different cores; `lscpu -e` shows them"});
    }
}

void check_nodes(const Machine& machine, const PlannedCores& cores, Findings& findings) {
    std::set<int> nodes;
    for (const unsigned core : cores.workers)
        if (const auto facts = machine.cores.find(core);
            facts != machine.cores.end() && facts->second.numa_node >= 0)
            nodes.insert(facts->second.numa_node);
    if (nodes.size() > 1)
        findings.push_back({Grade::advice,
                            fmt::format("the workers are on NUMA nodes {}, and share one table",
                                        fmt::join(nodes, ", ")),
                            "cores of one node, the NICs' (`lscpu -e`)"});
}

}  // namespace

void check_worker_cores(const Machine& machine, const PlannedCores& cores, Findings& findings) {
    check_existence(machine, cores, findings);
    check_isolation(machine, cores, findings);
    check_frequency(machine, cores, findings);
    check_siblings(machine, cores, findings);
    check_nodes(machine, cores, findings);
}

}  // namespace usher
