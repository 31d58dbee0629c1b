// SPDX-License-Identifier: BSD-3-Clause
// Is this machine fit for this configuration? Pure: judges what machine.hpp holds, so that a test
// can have any machine. One file for each part of the machine.
#pragma once

#include <string>
#include <vector>

#include "control/machine.hpp"

namespace usher {

enum class Grade : std::uint8_t {
    ok,
    advice,  // it works, but slower or less safely than it could
    error,   // usherd would not start, or would not do what the file says
};

struct Finding {
    Grade grade = Grade::ok;
    std::string what;
    std::string remedy;  // a command where one helps; of `ok`: empty
    friend bool operator==(const Finding&, const Finding&) = default;
};

// What the daemon would run on.
struct PlannedCores {
    std::vector<unsigned> workers;
    unsigned main = 0;
};

using Findings = std::vector<Finding>;

Findings check_machine(const Config& config, const Machine& machine, const PlannedCores& cores);

// Its parts, in the order of the above.
void check_kernel(const Config& config, const Machine& machine, Findings& findings);
void check_memory(const Config& config, const Machine& machine, Findings& findings);
void check_worker_cores(const Machine& machine, const PlannedCores& cores, Findings& findings);
void check_nics(const Config& config, const Machine& machine, const PlannedCores& cores,
                Findings& findings);
void check_addresses(const Config& config, const Machine& machine, Findings& findings);

// Why `usherd` cannot have this PCI device, or that it can. Start asks this, too: the drivers'
// own messages say less.
Finding judge_pci(const InterfaceConfig& interface, const Machine& machine);

// The buffers that an interface has of the pool; `queues`: those that an af_xdp one receives by.
unsigned packet_buffers(const InterfaceConfig& interface, unsigned queues);

// "advice  core 3: ...: remedy", a line each.
std::string to_text(const Findings& findings);
bool has_error(const Findings& findings);

}  // namespace usher
