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

// Pure, but for what `ask` does. Errors only.
Findings check_start(const std::vector<InterfaceConfig>& interfaces, const KernelNetwork& kernel,
                     const AskInterface& ask);

// Of the running kernel.
Findings check_start(const Config& config);

}  // namespace usher
