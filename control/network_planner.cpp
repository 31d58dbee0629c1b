// SPDX-License-Identifier: BSD-3-Clause
#include "control/network_planner.hpp"

#include <algorithm>
#include <charconv>

namespace usher {

namespace {

constexpr std::size_t kMaxHops = 60000;  // of 65535 numbers; beyond, they are given out anew

std::optional<Prefix> network_of(const std::string& text) {  // "10.0.0.1/24" -> 10.0.0.0/24
    const std::size_t slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address || slash == std::string::npos) return std::nullopt;
    return Prefix::of(*address, std::atoi(text.c_str() + slash + 1));
}

// The fitter to send from, the lower. keepalived's VIPs are /32 beside the box's own address, or
// secondary in its network; its IPv6 ones are deprecated.
int rank(const KernelAddress& each) {
    const bool whole_network = each.prefix_length < each.address.bits();
    return (each.secondary || each.deprecated ? 2 : 0) + (whole_network ? 0 : 1);
}

bool same_ways(const NetworkPlan& a, const NetworkPlan& b) {
    const auto port_equal = [](const NetworkPlan::Port& x, const NetworkPlan::Port& y) {
        return x.mac == y.mac && x.mtu == y.mtu && x.up == y.up;
    };
    return std::equal(a.ports.begin(), a.ports.end(), b.ports.begin(), b.ports.end(), port_equal) &&
           a.routes == b.routes;
}

}  // namespace

NetworkPlanner::NetworkPlanner(std::vector<PlannedPort> ports, const Config& config)
    : ports_(std::move(ports)), static_neighbours_(config.neighbours) {
    for (const StaticRoute& route : config.routes)
        add_static_route(route.destination, {route.via, port_named(route.interface)});
    for (const InterfaceConfig& interface : config.interfaces)
        for (const std::string& text : interface.addresses) {
            const auto network = network_of(text);
            const PortIndex port = port_named(interface.name);
            if (!network || port >= ports_.size()) continue;
            add_static_route(*network, {{}, port});
            static_addresses_.push_back(
                {port, *IpAddress::parse(text.substr(0, text.find('/'))), network->length});
        }
}

// Several routes of the file to one destination are one with several next hops.
void NetworkPlanner::add_static_route(const Prefix& destination, const NetworkPlan::NextHop& hop) {
    for (NetworkPlan::Route& route : static_routes_)
        if (route.destination == destination) {
            route.next_hops.push_back(hop);
            return;
        }
    static_routes_.push_back({destination, {hop}});
}

// What the box may send from on a link, for errors of its own and for masquerading: the fittest of
// each network, and of all the first; of equals, Linux's first.
void NetworkPlanner::set_sources(NetworkPlan& plan, const KernelNetwork& kernel) const {
    const auto take = [&](PortIndex port, const IpAddress& address, int length) {
        const bool has_better = std::any_of(
            plan.sources.begin(), plan.sources.end(), [&](const NetworkPlan::Source& source) {
                return source.port == port && source.address.family() == address.family() &&
                       (source.network.contains(address) || length == address.bits());
            });
        if (!address.is_link_local() && !has_better)
            plan.sources.push_back({port, address, Prefix::of(address, length)});
    };
    std::vector<KernelAddress> fittest_first = kernel.addresses;
    std::stable_sort(
        fittest_first.begin(), fittest_first.end(),
        [](const KernelAddress& a, const KernelAddress& b) { return rank(a) < rank(b); });
    for (const KernelAddress& each : fittest_first)
        if (const auto port = port_of(each.ifindex); port && !each.tentative)
            take(*port, each.address, each.prefix_length);
    for (const StaticAddress& each : static_addresses_)
        take(each.port, each.address, each.length);
}

bool NetworkPlanner::has_address(const IpAddress& address) const {
    return std::any_of(static_addresses_.begin(), static_addresses_.end(),
                       [&](const StaticAddress& own) { return own.address == address; });
}

PortIndex NetworkPlanner::port_named(const std::string& name) const {
    const auto found = std::find_if(ports_.begin(), ports_.end(),
                                    [&](const PlannedPort& port) { return port.name == name; });
    return static_cast<PortIndex>(found - ports_.begin());
}

std::optional<PortIndex> NetworkPlanner::port_of(unsigned ifindex) const {
    for (PortIndex port = 0; port < ports_.size(); ++port)
        if (ports_[port].ifindex == ifindex && ifindex != 0 && ports_[port].takes_untagged)
            return port;
    return std::nullopt;
}

NetworkPlan NetworkPlanner::plan(const KernelNetwork& kernel) {
    if (numbers_.size() >= kMaxHops) numbers_.clear();
    const bool renumbered = numbers_.empty();
    NetworkPlan plan;
    for (const PlannedPort& port : ports_) {
        const auto link = kernel.links.find(port.ifindex);
        if (port.ifindex == 0)
            plan.ports.push_back({port.mac, port.mtu, true});
        else if (link == kernel.links.end())
            plan.ports.push_back({port.mac, port.mtu, false});
        else
            plan.ports.push_back(
                {link->second.mac,
                 static_cast<std::uint16_t>(std::min<std::uint32_t>(link->second.mtu, port.mtu)),
                 link->second.up});
    }
    for (const KernelAddress& each : kernel.addresses)
        plan.own_addresses.push_back(each.address);
    for (const StaticAddress& each : static_addresses_)
        plan.own_addresses.push_back(each.address);
    for (const auto& [ifindex, link] : kernel.links)
        plan.own_macs.push_back(link.mac);
    for (const PlannedPort& port : ports_)
        plan.own_macs.push_back(port.mac);
    set_sources(plan, kernel);
    add_kernel(plan, kernel);
    add_static(plan);
    plan.serial = last_.serial + 1;
    plan.generation = last_.generation;
    if (renumbered || !same_ways(plan, last_)) ++plan.generation;
    if (plan.generation == 0) plan.generation = 1;
    last_ = plan;
    return plan;
}

void NetworkPlanner::watch_gateways(const KernelNetwork& kernel) {
    std::set<NeighbourKey> gateways;
    for (const KernelRoute& route : kernel.routes)
        for (const KernelNextHop& next : route.next_hops)
            if (next.gateway) gateways.insert({next.ifindex, *next.gateway});
    failed_.update(kernel, gateways);
}

bool NetworkPlanner::is_alive(const KernelNetwork& kernel, const KernelNextHop& next) const {
    const auto link = kernel.links.find(next.ifindex);
    if (link == kernel.links.end() || !link->second.up || !link->second.carrier) return false;
    return !next.gateway || !failed_.contains({next.ifindex, *next.gateway});
}

std::vector<NetworkPlan::NextHop> NetworkPlanner::ours(
    const NetworkPlan& plan, const std::vector<KernelNextHop>& next_hops) const {
    std::vector<NetworkPlan::NextHop> ours;
    for (const KernelNextHop& next : next_hops)
        if (const auto port = port_of(next.ifindex); port && plan.ports[*port].up)
            ours.push_back({next.gateway, *port, std::max(1U, next.weight)});
    return ours;
}

// Of each gateway, the largest datagram that a route by way of it may carry. A hop has one MTU
// whatever the destination, so it is never less than Linux would send.
std::map<NeighbourKey, std::uint16_t> NetworkPlanner::gateway_mtus(const KernelNetwork& kernel) {
    std::map<NeighbourKey, std::uint16_t> mtus;
    for (const KernelRoute& route : kernel.routes)
        for (const KernelNextHop& next : route.next_hops) {
            if (!next.gateway) continue;
            const std::uint16_t least = route.destination.address.is_ipv4() ? 68 : 1280;  // of IP
            std::uint16_t& largest = mtus[{next.ifindex, *next.gateway}];
            largest = std::max({largest, least, next.mtu == 0 ? kAnyMtu : next.mtu});
        }
    return mtus;
}

// Of the routes to one prefix, by metric: the first with next hops that are alive counts, with
// these. If none has any, the first that we can use at all: a failed next hop may be back.
NetworkPlan::Route NetworkPlanner::choose(const NetworkPlan& plan, const KernelNetwork& kernel,
                                          std::span<const KernelRoute> routes) const {
    const Prefix& destination = routes.front().destination;
    for (const KernelRoute& route : routes) {
        if (route.next_hops.empty()) return {destination, {}};
        std::vector<KernelNextHop> alive;
        for (const KernelNextHop& next : route.next_hops)
            if (is_alive(kernel, next)) alive.push_back(next);
        if (!alive.empty()) return {destination, ours(plan, alive)};
    }
    for (const KernelRoute& route : routes)
        if (auto hops = ours(plan, route.next_hops); !hops.empty())
            return {destination, std::move(hops)};
    return {destination, {}};
}

void NetworkPlanner::add_kernel(NetworkPlan& plan, const KernelNetwork& kernel) {
    watch_gateways(kernel);
    const std::span all(kernel.routes);  // sorted: the longest prefix first, then the lowest metric
    for (std::size_t first = 0; first < all.size();) {
        std::size_t end = first + 1;
        while (end < all.size() && all[end].destination == all[first].destination)
            ++end;
        plan.routes.push_back(choose(plan, kernel, all.subspan(first, end - first)));
        first = end;
    }
    const auto mtus = gateway_mtus(kernel);
    for (const auto& [key, neighbour] : kernel.neighbours) {
        const auto port = port_of(key.ifindex);
        if (!port || neighbour.state != NeighbourState::usable) continue;
        if (numbers_.size() == kMaxHops && !numbers_.contains({*port, key.address})) continue;
        const auto mtu = mtus.find(key);
        plan.neighbours.push_back({*port, key.address, neighbour.mac, number(*port, key.address),
                                   mtu == mtus.end() ? kAnyMtu : mtu->second});
    }
}

void NetworkPlanner::add_static(NetworkPlan& plan) {
    plan.routes.insert(plan.routes.end(), static_routes_.begin(), static_routes_.end());
    for (const StaticNeighbour& n : static_neighbours_) {
        const PortIndex port = port_named(n.interface);
        plan.neighbours.push_back({port, n.address, n.mac, number(port, n.address)});
    }
}

HopIndex NetworkPlanner::number(PortIndex port, const IpAddress& address) {
    const auto next = static_cast<HopIndex>(numbers_.size() + 1);
    return numbers_.emplace(std::pair(port, address), next).first->second;
}

std::vector<NeighbourKey> NetworkPlanner::neighbours_of(const KernelNetwork& kernel,
                                                        const IpAddress& destination) const {
    std::vector<NeighbourKey> keys;
    const KernelRoute* route = kernel.route_to(destination);
    if (route == nullptr) return keys;
    for (const KernelNextHop& next : route->next_hops)
        if (port_of(next.ifindex))
            keys.push_back({next.ifindex, next.gateway.value_or(destination)});
    return keys;
}

bool NetworkPlanner::leads_to(const KernelNetwork& kernel, const IpAddress& destination) const {
    return !neighbours_of(kernel, destination).empty() ||
           std::any_of(static_routes_.begin(), static_routes_.end(),
                       [&](const auto& route) { return route.destination.contains(destination); });
}

}  // namespace usher
