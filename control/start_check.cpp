// SPDX-License-Identifier: BSD-3-Clause
#include "control/start_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "control/network_planner.hpp"
#include "control/port_layout.hpp"
#include "control/server_routes.hpp"

namespace usher {

namespace {

Finding refusal(const Error& error) {
    return {Grade::error, error.message, {}};
}

// As the running daemon has them; empty: Linux does not have all of them.
std::vector<PlannedPort> planned_ports(const PortLayout& layout, const KernelNetwork& kernel) {
    std::vector<PlannedPort> ports;
    for (const PortLayout::Physical& port : layout.ports) {
        const bool of_linux = port.config.attach == AttachKind::af_xdp;
        const std::string& name = of_linux ? port.config.name : port.config.exception_name();
        const KernelLink* link = name.empty() ? nullptr : kernel.link(name);
        if (link == nullptr && !name.empty()) return {};
        ports.push_back({.name = port.config.name,
                         .ifindex = link == nullptr ? 0 : link->ifindex,
                         .mac = {},
                         .takes_untagged = port.is_named});
    }
    for (const PortLayout::Vlan& vlan : layout.vlans)
        ports.push_back({.name = vlan.name, .ifindex = vlan.ifindex, .mac = {}, .vlan = vlan.port});
    return ports;
}

// The bond's one queue is the first of each member's; the others' packets are left to Linux.
void check_bond(const std::string& name, const KernelNetwork& kernel, const AskInterface& ask,
                Findings& findings) {
    const KernelLink* bond = kernel.link(name);
    if (bond == nullptr || bond->kind != "bond") return;
    for (const auto& [ifindex, member] : kernel.links) {
        if (member.master != bond->ifindex) continue;
        const auto found = ask(member.name);
        if (found && found->queues > 1)
            findings.push_back(
                {Grade::advice,
                 fmt::format("{}, a member of {}, has {} receive queues, and what comes "
                             "by others than the first is left to Linux",
                             member.name, name, found->queues),
                 fmt::format("ethtool -L {} {} 1", member.name,
                             found->combined ? "combined" : "rx")});
    }
}

std::set<IpAddress> servers_of(const Config& config) {
    std::set<IpAddress> servers;
    for (const ServiceConfig& service : config.services)
        for (const ServerConfig& server : service.servers)
            servers.insert(server.key.address);
    return servers;
}

}  // namespace

// Nobody named the interface under a VLAN, so nobody else has looked at it.
Findings check_start(const std::vector<InterfaceConfig>& interfaces, const KernelNetwork& kernel,
                     const AskInterface& ask) {
    const auto layout = lay_out_ports(interfaces, kernel);
    if (!layout) return {refusal(layout.error())};
    Findings findings;
    if (const KernelRoute* const route = kernel.untold_route())
        findings.push_back({Grade::error,
                            fmt::format("the route to {} is by nexthop objects, whose next hops "
                                        "Linux does not tell",
                                        route->destination.to_string()),
                            "sysctl -w net.ipv4.nexthop_compat_mode=1"});
    for (const PortLayout::Physical& port : layout->ports) {
        if (port.config.attach != AttachKind::af_xdp) continue;
        check_bond(port.config.name, kernel, ask, findings);
        const auto found = ask(port.config.name);
        if (!found) {
            if (!port.is_named) findings.push_back(refusal(found.error()));
            continue;
        }
        const auto fits =
            (port.is_named ? Result<void>() : check_state(port.config.name, *found, MayBeDown::no))
                .and_then(
                    [&] { return check_queues(port.config.name, *found, port.config.queues); });
        if (!fits) findings.push_back(refusal(fits.error()));
    }
    return findings;
}

Findings check_routes(const Config& config, const KernelNetwork& kernel) {
    const auto layout = lay_out_ports(config.interfaces, kernel);
    if (!layout) return {};
    std::vector<PlannedPort> ports = planned_ports(*layout, kernel);
    if (ports.empty()) return {};
    const NetworkPlanner planner(std::move(ports), config);
    Findings findings;
    for (const IpAddress& server : servers_of(config))
        if (const auto strays = stray(planner, kernel, server))
            findings.push_back({Grade::advice, strays->what, strays->remedy});
    return findings;
}

Findings check_start(const Config& config) {
    const bool of_linux =
        std::any_of(config.interfaces.begin(), config.interfaces.end(),
                    [](const auto& each) { return each.attach == AttachKind::af_xdp; });
    if (!of_linux) return check_start(config.interfaces, {}, kernel_interface);
    const auto mirror = KernelMirror::open();
    if (!mirror) return {refusal(mirror.error())};
    Findings findings = check_start(config.interfaces, mirror->network(), kernel_interface);
    const Findings routes = check_routes(config, mirror->network());
    findings.insert(findings.end(), routes.begin(), routes.end());
    // Without privileges nothing can be said; that they are missing, machine_check says.
    if (const auto may = may_use_af_xdp(); !may && may.error().code != Errc::permission)
        findings.push_back(refusal(may.error()));
    return findings;
}

}  // namespace usher
