// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/network.hpp"

#include <algorithm>

namespace usher {

namespace {

std::uint64_t neighbour_key(PortIndex port, Be32 address) {
    return std::uint64_t{port} << 32 | address.host();
}

std::uint32_t last_of(std::uint32_t begin, int length) {
    return length == 0 ? 0xffffffff
                       : begin | static_cast<std::uint32_t>((1ULL << (32 - length)) - 1);
}

}  // namespace

Network::Network(const NetworkPlan& plan) : generation_(plan.generation), serial_(plan.serial) {
    lay_out(plan);
    for (const NetworkPlan::Port& port : plan.ports) {
        port_mtus_.push_back(port.mtu);
        port_addresses_.push_back(port.address);
    }
    for (const NetworkPlan::Neighbour& n : plan.neighbours) {
        if (!n.address.is_ipv4() || n.port >= plan.ports.size()) continue;
        const NetworkPlan::Port& port = plan.ports[n.port];
        if (hops_.size() <= n.hop) hops_.resize(n.hop + std::size_t{1});
        hops_[n.hop] = {n.mac, port.mac, n.port, port.up ? port.mtu : std::uint16_t{0}};
        neighbours_.push_back({neighbour_key(n.port, n.address.v4()), n.hop});
    }
    std::sort(neighbours_.begin(), neighbours_.end(),
              [](const Neighbour& a, const Neighbour& b) { return a.key < b.key; });
}

// Sweeps over the prefixes in order of their first address, shorter ones first: each opens a range,
// and where one ends, the one around it goes on.
void Network::lay_out(const NetworkPlan& plan) {
    std::vector<const NetworkPlan::Route*> sorted;
    for (const NetworkPlan::Route& route : plan.routes)
        if (route.destination.address.is_ipv4()) sorted.push_back(&route);
    std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) {
        return std::pair(a->destination.address.v4().host(), a->destination.length) <
               std::pair(b->destination.address.v4().host(), b->destination.length);
    });

    struct Open {
        std::uint32_t last;
        int route;
    };
    std::vector<Open> open;
    const auto begin_range = [&](std::uint32_t begin, int route) {
        if (!ranges_.empty() && ranges_.back().begin == begin)
            ranges_.back().route = route;
        else
            ranges_.push_back({begin, route});
    };
    const auto close_before = [&](std::uint64_t begin) {
        while (!open.empty() && open.back().last < begin) {
            const std::uint32_t last = open.back().last;
            open.pop_back();
            if (last != 0xffffffff) begin_range(last + 1, open.empty() ? -1 : open.back().route);
        }
    };

    begin_range(0, -1);
    for (const NetworkPlan::Route* route : sorted) {
        const std::uint32_t begin = route->destination.address.v4().host();
        close_before(begin);
        const int number = static_cast<int>(routes_.size());
        const bool v4_gateway = !route->gateway || route->gateway->is_ipv4();
        const bool usable = !route->unreachable && v4_gateway && route->port < plan.ports.size();
        routes_.push_back({route->gateway ? route->gateway->v4() : Be32(), route->port, usable});
        begin_range(begin, number);
        open.push_back({last_of(begin, route->destination.length), number});
    }
    close_before(std::uint64_t{1} << 32);
}

Network::Way Network::way_to(Be32 destination) const {
    const Way none{Way::Kind::none, kNoHop, 0, Be32()};
    const std::uint32_t address = destination.host();
    const auto after = std::upper_bound(
        ranges_.begin(), ranges_.end(), address,
        [](std::uint32_t value, const Range& range) { return value < range.begin; });
    if (after == ranges_.begin()) return none;
    const int number = std::prev(after)->route;
    if (number < 0 || !routes_[static_cast<std::size_t>(number)].usable) return none;

    const Route& route = routes_[static_cast<std::size_t>(number)];
    const Be32 neighbour = route.gateway == Be32() ? destination : route.gateway;
    const HopIndex hop = hop_to(route.port, neighbour);
    const auto kind = hop == kNoHop ? Way::Kind::ask : Way::Kind::hop;
    return {kind, hop, route.port, neighbour};
}

HopIndex Network::hop_to(PortIndex port, Be32 neighbour) const {
    const std::uint64_t key = neighbour_key(port, neighbour);
    const auto known =
        std::lower_bound(neighbours_.begin(), neighbours_.end(), key,
                         [](const Neighbour& n, std::uint64_t wanted) { return n.key < wanted; });
    const bool found = known != neighbours_.end() && known->key == key && is_ready(known->hop);
    return found ? known->hop : kNoHop;
}

}  // namespace usher
