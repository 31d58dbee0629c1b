// SPDX-License-Identifier: BSD-3-Clause
#include "control/server_routes.hpp"

#include <fmt/format.h>

namespace usher {

namespace {

// By its first next hop; none of them is ours.
std::string way_out(const KernelNetwork& kernel, const KernelRoute& route) {
    const auto link = kernel.links.find(route.next_hops.front().ifindex);
    return link == kernel.links.end() ? "another interface" : link->second.name;
}

}  // namespace

std::optional<StrayServer> stray(const NetworkPlanner& planner, const KernelNetwork& kernel,
                                 const IpAddress& server) {
    if (kernel.is_local(server) || planner.leads_to(kernel, server)) return std::nullopt;
    const std::string address = server.to_string();
    const std::string remedy = "ip route get " + address;
    const KernelRoute* route = kernel.route_to(server);
    if (route == nullptr || route->next_hops.empty())
        return StrayServer{fmt::format("Linux has no route to real server {}", address), remedy};
    return StrayServer{fmt::format("Linux's route to real server {} leaves by {}, which is no "
                                   "[[interface]] here",
                                   address, way_out(kernel, *route)),
                       remedy};
}

}  // namespace usher
