// SPDX-License-Identifier: BSD-3-Clause
#include "control/vlan_watch.hpp"

#include <limits>

#include "control/log.hpp"

namespace usher {

namespace {

constexpr unsigned kNone = std::numeric_limits<unsigned>::max();  // no interface's number

// The device that we know; else the one that has its name now.
const KernelLink* link_of(const PlannedPort& port, const KernelNetwork& kernel) {
    const auto known = kernel.links.find(port.ifindex);
    return known != kernel.links.end() ? &known->second : kernel.link(port.name);
}

}  // namespace

// The parent may have been renamed, or made anew and not be opened again yet.
bool VlanWatch::is_as_planned(const std::vector<PlannedPort>& ports, const PlannedPort& port,
                              const KernelLink& link, const KernelNetwork& kernel) {
    const PlannedPort& planned = ports[port.vlan.parent];
    const auto parent = kernel.links.find(link.parent);
    const bool on_it = link.parent == planned.ifindex ||
                       (parent != kernel.links.end() && parent->second.name == planned.name);
    return link.kind == "vlan" && !link.service_tag && link.vlan == port.vlan.id && on_it;
}

void VlanWatch::log(const PlannedPort& port, const std::string& parent, State state) {
    if (state == State::gone) log_notice("{}: gone, the others go on", port.name);
    if (state == State::there) log_notice("{}: here again", port.name);
    if (state == State::other)
        log_error(
            "{0}: made anew, but not as VLAN {1} of {2}, which usherd was started with: it is left "
            "out; ip link del {0}; ip link add link {2} name {0} type vlan id {1}, or restart "
            "usherd",
            port.name, port.vlan.id, parent);
}

// What has number 0 is not Linux's.
void VlanWatch::follow(std::vector<PlannedPort>& ports, const KernelNetwork& kernel) {
    for (PlannedPort& port : ports) {
        if (port.vlan.id == 0 || port.ifindex == 0) continue;
        const KernelLink* link = link_of(port, kernel);
        const auto [known, is_new] = known_.try_emplace(port.name);
        if (is_new) known->second.is_device = link != nullptr && link->kind == "vlan";
        State now = State::gone;
        if (link != nullptr)
            now = !known->second.is_device || is_as_planned(ports, port, *link, kernel)
                      ? State::there
                      : State::other;
        port.ifindex = now == State::there ? link->ifindex : kNone;
        if (now != known->second.state) log(port, ports[port.vlan.parent].name, now);
        known->second.state = now;
    }
}

}  // namespace usher
