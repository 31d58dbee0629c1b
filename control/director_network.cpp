// SPDX-License-Identifier: BSD-3-Clause
// What RunningDirector makes of Linux's network, as it changes, and of which interfaces are open.
#include <limits>

#include "control/log.hpp"
#include "control/running_director.hpp"
#include "control/server_routes.hpp"

namespace usher {

namespace {
const KernelNetwork kNoKernel;
}

void RunningDirector::plan_network() {
    const KernelNetwork& kernel = parts_.kernel ? parts_.kernel->network() : kNoKernel;
    network_ = std::make_shared<Network>(planner_.plan(kernel));
    note_untold_route(kernel);
}

void RunningDirector::note_untold_route(const KernelNetwork& kernel) {
    const KernelRoute* const route = kernel.untold_route();
    if (route != nullptr && !has_untold_route_)
        log_error(
            "Linux does not tell the next hops of nexthop objects, and packets to {} are "
            "dropped: sysctl -w net.ipv4.nexthop_compat_mode=1, then restart usherd",
            route->destination.to_string());
    has_untold_route_ = route != nullptr;
}

void RunningDirector::lose_port(PortIndex port) {
    constexpr unsigned kNone = std::numeric_limits<unsigned>::max();  // no interface's number
    parts_.steering.erase(port);
    parts_.interfaces[port].ifindex = kNone;
    take_in_network();
}

void RunningDirector::replace_port(PortIndex port, Steering steering) {
    parts_.steering.insert_or_assign(port, std::move(steering));
    parts_.interfaces[port].ifindex = parts_.ports[port]->ifindex();
    parts_.interfaces[port].mac = parts_.ports[port]->mac();
    take_in_network();
}

void RunningDirector::on_kernel_news() {
    const auto changed = parts_.kernel->on_readable();
    if (!changed) {
        log_error("the kernel's network cannot be read: {}", changed.error().message);
        return;
    }
    if (*changed) take_in_network();
}

// Everything that follows from Linux's network, or from which interfaces are ours.
void RunningDirector::take_in_network() {
    vlan_watch_.follow(parts_.interfaces, parts_.kernel->network());
    planner_.set_ports(parts_.interfaces);
    plan_network();
    if (const auto done = set_masquerade(desired_); !done)
        log_error("masquerading: {}", done.error().message);
    republish();
    if (const auto steered = steer(desired_); !steered)
        log_error("steering: {}", steered.error().message);
    want_neighbours();
    note_own_servers();
}

bool RunningDirector::is_own_address(const IpAddress& address) const {
    return planner_.has_address(address) ||
           (parts_.kernel != nullptr && parts_.kernel->network().is_local(address));
}

// A server's address that was given to the box only now: it was refused otherwise.
void RunningDirector::note_own_servers() {
    std::set<IpAddress> own;
    for (const KernelAddress& each : parts_.kernel->network().addresses)
        own.insert(each.address);
    std::set<IpAddress> both;
    for (const auto& [key, service] : desired_.services)
        for (const DesiredServer& server : service.servers)
            if (own.contains(server.key.address)) both.insert(server.key.address);
    for (const IpAddress& address : both)
        if (!own_servers_.contains(address))
            log_warning(
                "{}, a real server's address, is now the box's own, too: new connections to that "
                "server do not reach it; delete the server, or the address",
                address.to_string());
    own_servers_ = std::move(both);
}

// The next hops to all real servers: asked for before the first packet needs them.
void RunningDirector::want_neighbours() {
    if (parts_.kernel == nullptr) return;
    const KernelNetwork& kernel = parts_.kernel->network();
    std::set<NeighbourKey> in_use;
    for (const auto& [service, servers] : slots_.held())
        for (const auto& [server, slot] : servers)
            for (const NeighbourKey& key : planner_.neighbours_of(kernel, server.address))
                in_use.insert(key);
    for (const KernelRoute& route : kernel.routes)
        for (const KernelNextHop& next : route.next_hops)
            if (next.gateway) in_use.insert({next.ifindex, *next.gateway});
    for (const NeighbourKey& key : in_use)
        if (!neighbours_in_use_.contains(key)) {
            log_debug(kDebugNeighbour, "asking for {}", key.address.to_string());
            note_unasked(parts_.kernel->request_neighbour(key.ifindex, key.address));
        }
    neighbours_in_use_ = std::move(in_use);
    neighbour_log_.note(kernel, neighbours_in_use_);
    note_stray_servers();
}

// An interface that goes takes many routes with it.
void RunningDirector::note_stray_servers() {
    constexpr unsigned kLines = 10;
    const KernelNetwork& kernel = parts_.kernel->network();
    std::set<IpAddress> strays;
    unsigned fresh = 0;
    for (const auto& [key, service] : desired_.services)
        for (const DesiredServer& server : service.servers) {
            const auto found = stray(planner_, kernel, server.key.address);
            if (!found || !strays.insert(server.key.address).second) continue;
            if (stray_servers_.contains(server.key.address) || ++fresh > kLines) continue;
            log_warning("{}: packets for it are dropped; {} shows what there is", found->what,
                        found->remedy);
        }
    if (fresh > kLines)
        log_warning("{} more real servers have no route by an interface of ours", fresh - kLines);
    stray_servers_ = std::move(strays);
}

// Once a minute at most: it is asked each second, for every neighbour. That an interface is down,
// or has just gone, others say.
void RunningDirector::note_unasked(const Result<void>& asked) {
    constexpr std::uint32_t kSeconds = 60;
    if (asked || asked.error().code == Errc::unavailable || seconds_ < unasked_until_) return;
    log_error("{}", asked.error().message);
    unasked_until_ = seconds_ + kSeconds;
}

}  // namespace usher
