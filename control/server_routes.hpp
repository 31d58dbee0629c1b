// SPDX-License-Identifier: BSD-3-Clause
// Real servers that Linux's routes do not lead to by an interface of ours: each packet for them is
// dropped (no-route), though the server, its service and every interface are fine. Pure.
#pragma once

#include <optional>
#include <string>

#include "control/network_planner.hpp"

namespace usher {

struct StrayServer {
    std::string what;    // "Linux has no route to real server 10.0.0.100"
    std::string remedy;  // the command that shows the route
};

// Nothing: there is a way, or the address is the box's own, which is another mistake.
std::optional<StrayServer> stray(const NetworkPlanner& planner, const KernelNetwork& kernel,
                                 const IpAddress& server);

}  // namespace usher
