// SPDX-License-Identifier: BSD-3-Clause
#include "control/start_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "control/port_layout.hpp"

namespace usher {

namespace {

Finding refusal(const Error& error) {
    return {Grade::error, error.message, {}};
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

Findings check_start(const Config& config) {
    const bool of_linux =
        std::any_of(config.interfaces.begin(), config.interfaces.end(),
                    [](const auto& each) { return each.attach == AttachKind::af_xdp; });
    if (!of_linux) return check_start(config.interfaces, {}, kernel_interface);
    const auto mirror = KernelMirror::open();
    if (!mirror) return {refusal(mirror.error())};
    Findings findings = check_start(config.interfaces, mirror->network(), kernel_interface);
    // Without privileges nothing can be said; that they are missing, machine_check says.
    if (const auto may = may_use_af_xdp(); !may && may.error().code != Errc::permission)
        findings.push_back(refusal(may.error()));
    return findings;
}

}  // namespace usher
