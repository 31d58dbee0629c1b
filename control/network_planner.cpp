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

bool same_ways(const NetworkPlan& a, const NetworkPlan& b) {
    const auto port_equal = [](const NetworkPlan::Port& x, const NetworkPlan::Port& y) {
        return x.mac == y.mac && x.mtu == y.mtu && x.up == y.up;
    };
    const auto route_equal = [](const NetworkPlan::Route& x, const NetworkPlan::Route& y) {
        return x.destination == y.destination && x.gateway == y.gateway && x.port == y.port &&
               x.unreachable == y.unreachable;
    };
    return std::equal(a.ports.begin(), a.ports.end(), b.ports.begin(), b.ports.end(), port_equal) &&
           std::equal(a.routes.begin(), a.routes.end(), b.routes.begin(), b.routes.end(),
                      route_equal);
}

}  // namespace

NetworkPlanner::NetworkPlanner(std::vector<PlannedPort> ports, const Config& config)
    : ports_(std::move(ports)), static_neighbours_(config.neighbours) {
    for (const StaticRoute& route : config.routes)
        static_routes_.push_back(
            {route.destination, route.via, port_named(route.interface), false});
    for (const InterfaceConfig& interface : config.interfaces)
        for (const std::string& text : interface.addresses) {
            const auto network = network_of(text);
            const PortIndex port = port_named(interface.name);
            if (!network || port >= ports_.size()) continue;
            static_routes_.push_back({*network, {}, port, false});
            static_addresses_.emplace_back(port, *IpAddress::parse(text.substr(0, text.find('/'))));
        }
}

// An address of the box on each link, for errors of its own: the first that is not link-local.
void NetworkPlanner::set_addresses(NetworkPlan& plan, const KernelNetwork& kernel) const {
    const auto take = [&](PortIndex index, const IpAddress& address) {
        NetworkPlan::Port& port = plan.ports[index];
        if (address.is_link_local()) return;
        if (address.is_ipv4() && port.address4 == Be32()) port.address4 = address.v4();
        if (!address.is_ipv4() && IpAddress(port.address6).is_unspecified())
            port.address6 = address.bytes();
    };
    for (const KernelAddress& each : kernel.addresses)
        if (const auto port = port_of(each.ifindex)) take(*port, each.address);
    for (const auto& [port, address] : static_addresses_)
        take(port, address);
}

PortIndex NetworkPlanner::port_named(const std::string& name) const {
    const auto found = std::find_if(ports_.begin(), ports_.end(),
                                    [&](const PlannedPort& port) { return port.name == name; });
    return static_cast<PortIndex>(found - ports_.begin());
}

std::optional<PortIndex> NetworkPlanner::port_of(unsigned ifindex) const {
    for (PortIndex port = 0; port < ports_.size(); ++port)
        if (ports_[port].ifindex == ifindex && ifindex != 0) return port;
    return std::nullopt;
}

NetworkPlan NetworkPlanner::plan(const KernelNetwork& kernel) {
    if (numbers_.size() >= kMaxHops) numbers_.clear();
    const bool renumbered = numbers_.empty();
    NetworkPlan plan;
    for (const PlannedPort& port : ports_) {
        const auto link = kernel.links.find(port.ifindex);
        if (port.ifindex == 0)
            plan.ports.push_back({port.mac, port.mtu, true, {}, {}});
        else if (link == kernel.links.end())
            plan.ports.push_back({port.mac, port.mtu, false, {}, {}});
        else
            plan.ports.push_back(
                {link->second.mac,
                 static_cast<std::uint16_t>(std::min<std::uint32_t>(link->second.mtu, port.mtu)),
                 link->second.up,
                 {},
                 {}});
    }
    set_addresses(plan, kernel);
    add_kernel(plan, kernel);
    add_static(plan);
    plan.serial = last_.serial + 1;
    plan.generation = last_.generation;
    if (renumbered || !same_ways(plan, last_)) ++plan.generation;
    if (plan.generation == 0) plan.generation = 1;
    last_ = plan;
    return plan;
}

// Linux's routes, sorted: the longest prefix first, then the lowest metric, which is the one used.
void NetworkPlanner::add_kernel(NetworkPlan& plan, const KernelNetwork& kernel) {
    const Prefix* last = nullptr;
    for (const KernelRoute& route : kernel.routes) {
        if (last != nullptr && *last == route.destination) continue;
        NetworkPlan::Route planned{route.destination, {}, 0, true};
        for (const KernelNextHop& next : route.next_hops) {
            const auto port = port_of(next.ifindex);
            if (!port || !plan.ports[*port].up) continue;
            planned = {route.destination, next.gateway, *port, false};
            break;
        }
        last = &route.destination;
        plan.routes.push_back(planned);
    }
    for (const auto& [key, neighbour] : kernel.neighbours) {
        const auto port = port_of(key.ifindex);
        if (!port || neighbour.state != NeighbourState::usable) continue;
        if (numbers_.size() == kMaxHops && !numbers_.contains({*port, key.address})) continue;
        plan.neighbours.push_back({*port, key.address, neighbour.mac, number(*port, key.address)});
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

std::optional<NeighbourKey> NetworkPlanner::neighbour_of(const KernelNetwork& kernel,
                                                         const IpAddress& destination) const {
    const KernelRoute* route = kernel.route_to(destination);
    if (route == nullptr) return std::nullopt;
    for (const KernelNextHop& next : route->next_hops)
        if (port_of(next.ifindex))
            return NeighbourKey{next.ifindex, next.gateway.value_or(destination)};
    return std::nullopt;
}

}  // namespace usher
