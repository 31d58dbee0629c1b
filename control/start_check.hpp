// SPDX-License-Identifier: BSD-3-Clause
// What the start asks of Linux about the interfaces before it takes them, asked for `usherd
// --check`: the very same questions, so that what is fine here does start. What machine_check.hpp
// judges already (an interface that is absent, down, or has too large an MTU) is not said twice.
// Control thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "conf/model.hpp"
#include "control/kernel_network.hpp"
#include "control/machine_check.hpp"
#include "dataplane/kernel_interface.hpp"

namespace usher {

using AskInterface = std::function<Result<KernelInterface>(const std::string& name)>;

// Pure, but for what `ask` does. What would refuse the start, and what a bond would lose.
Findings check_start(const std::vector<InterfaceConfig>& interfaces, const KernelNetwork& kernel,
                     const AskInterface& ask);

// Real servers that no interface leads to: advice, as a route may come later. Not looked at while
// an interface of the file is missing, or is one that Linux gets at start only (attach = "pci").
Findings check_routes(const Config& config, const KernelNetwork& kernel);

// Of the running kernel.
Findings check_start(const Config& config);

}  // namespace usher
