// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/network.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "dataplane/multipath.hpp"
#include "nat/martian.hpp"

namespace usher {

template <Family F>
typename Routes<F>::Number Routes<F>::number_of(const AddressOf<F>& address) {
    if constexpr (F == Family::ipv4) {
        return address.host();
    } else {
        Number number = 0;
        for (const std::uint8_t byte : address)
            number = number << 8 | byte;
        return number;
    }
}

template <Family F>
bool Routes<F>::goes_before(const Neighbour& a, const Neighbour& b) {
    return a.port != b.port ? a.port < b.port : a.address < b.address;
}

template <Family F>
std::uint32_t Routes<F>::spread(const AddressOf<F>& destination) {
    const auto number = number_of(destination);
    if constexpr (F == Family::ipv4)
        return static_cast<std::uint32_t>(mix_bits(number));
    else
        return static_cast<std::uint32_t>(
            mix_bits(mix_bits(static_cast<std::uint64_t>(number >> 64)) ^
                     static_cast<std::uint64_t>(number)));
}

// Gives routes with the same next hops the same group.
template <Family F>
class Routes<F>::Grouping {
  public:
    Grouping(Routes& routes, std::size_t ports) : routes_(routes), ports_(ports) {}

    int group_of(const NetworkPlan::Route& route) {
        std::vector<NetworkPlan::NextHop> hops;
        for (const NetworkPlan::NextHop& hop : route.next_hops)
            if (hop.port < ports_ && (!hop.gateway || hop.gateway->family() == F))
                hops.push_back(hop);
        if (hops.empty()) return -1;
        std::sort(hops.begin(), hops.end(), before);
        const auto [known, added] = known_.try_emplace(std::move(hops), 0);
        if (added) known->second = make(known->first);
        return known->second;
    }

  private:
    static bool before(const NetworkPlan::NextHop& a, const NetworkPlan::NextHop& b) {
        return std::tie(a.port, a.gateway, a.weight) < std::tie(b.port, b.gateway, b.weight);
    }
    struct Before {
        bool operator()(const std::vector<NetworkPlan::NextHop>& a,
                        const std::vector<NetworkPlan::NextHop>& b) const {
            return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), before);
        }
    };

    int make(const std::vector<NetworkPlan::NextHop>& hops) {
        const auto first_exit = static_cast<std::uint32_t>(routes_.exits_.size());
        for (const NetworkPlan::NextHop& hop : hops)
            routes_.exits_.push_back({hop.gateway ? wire_address<F>(*hop.gateway) : AddressOf<F>{},
                                      hop.port, !hop.gateway});
        const std::vector<std::uint32_t> slots = slots_of(hops);
        routes_.groups_.push_back({static_cast<std::uint32_t>(routes_.slots_.size()),
                                   static_cast<std::uint32_t>(slots.size()) - 1});
        for (const std::uint32_t hop : slots)
            routes_.slots_.push_back(first_exit + hop);
        return static_cast<int>(routes_.groups_.size()) - 1;
    }

    Routes& routes_;
    const std::size_t ports_;
    std::map<std::vector<NetworkPlan::NextHop>, int, Before> known_;
};

template <Family F>
Routes<F>::Routes(const NetworkPlan& plan) {
    lay_out(plan);
    for (const NetworkPlan::Neighbour& n : plan.neighbours)
        if (n.address.family() == F && n.port < plan.ports.size())
            neighbours_.push_back({n.port, n.hop, number_of(wire_address<F>(n.address))});
    std::sort(neighbours_.begin(), neighbours_.end(), goes_before);
}

// Sweeps over the prefixes in order of their first address, shorter ones first: each opens a range,
// and where one ends, the one around it goes on.
template <Family F>
void Routes<F>::lay_out(const NetworkPlan& plan) {
    constexpr int kBits = 8 * sizeof(Number);
    constexpr Number kLast = ~Number{0};
    const auto begin_of = [](const NetworkPlan::Route& route) {
        return number_of(wire_address<F>(route.destination.address));
    };
    std::vector<const NetworkPlan::Route*> sorted;
    for (const NetworkPlan::Route& route : plan.routes)
        if (route.destination.address.family() == F) sorted.push_back(&route);
    std::sort(sorted.begin(), sorted.end(), [&](const auto* a, const auto* b) {
        return std::pair(begin_of(*a), a->destination.length) <
               std::pair(begin_of(*b), b->destination.length);
    });

    struct Open {
        Number last;
        int group;
    };
    std::vector<Open> open;
    const auto begin_range = [&](Number begin, int group) {
        if (!ranges_.empty() && ranges_.back().begin == begin)
            ranges_.back().group = group;
        else
            ranges_.push_back({begin, group});
    };
    const auto close_one = [&] {
        const Number last = open.back().last;
        open.pop_back();
        if (last != kLast) begin_range(last + 1, open.empty() ? -1 : open.back().group);
    };

    Grouping grouping(*this, plan.ports.size());
    begin_range(0, -1);
    for (const NetworkPlan::Route* route : sorted) {
        const Number begin = begin_of(*route);
        while (!open.empty() && open.back().last < begin)
            close_one();
        const int group = grouping.group_of(*route);
        begin_range(begin, group);
        const int length = route->destination.length;
        open.push_back(
            {length == 0 ? kLast : begin | ((Number{1} << (kBits - length)) - 1), group});
    }
    while (!open.empty())
        close_one();
}

template <Family F>
Way<F> Routes<F>::way_to(const AddressOf<F>& destination) const {
    const auto after =
        std::upper_bound(ranges_.begin(), ranges_.end(), number_of(destination),
                         [](Number value, const Range& range) { return value < range.begin; });
    if (after == ranges_.begin()) return {};
    const int number = std::prev(after)->group;
    if (number < 0) return {};

    const Group& group = groups_[static_cast<std::size_t>(number)];
    const Exit& exit = exits_[slots_[group.first + (spread(destination) & group.mask)]];
    const AddressOf<F>& neighbour = exit.direct ? destination : exit.gateway;
    const HopIndex hop = hop_to(exit.port, neighbour);
    return {hop == kNoHop ? WayKind::ask : WayKind::hop, hop, exit.port, neighbour};
}

template <Family F>
HopIndex Routes<F>::hop_to(PortIndex port, const AddressOf<F>& neighbour) const {
    const Neighbour wanted{port, kNoHop, number_of(neighbour)};
    const auto known =
        std::lower_bound(neighbours_.begin(), neighbours_.end(), wanted, goes_before);
    const bool found = known != neighbours_.end() && !goes_before(wanted, *known);
    return found ? known->hop : kNoHop;
}

template class Routes<Family::ipv4>;
template class Routes<Family::ipv6>;

Network::Network(const NetworkPlan& plan)
    : ports_(plan.ports),
      own_addresses_(plan.own_addresses),
      own_macs_(plan.own_macs),
      v4_(plan),
      v6_(plan),
      generation_(plan.generation),
      serial_(plan.serial) {
    sources_.resize(plan.ports.size());
    for (const NetworkPlan::Source& source : plan.sources)
        if (source.port < plan.ports.size()) sources_[source.port].push_back(source);
    std::sort(own_addresses_.begin(), own_addresses_.end());
    std::sort(own_macs_.begin(), own_macs_.end());
    for (const NetworkPlan::Neighbour& n : plan.neighbours) {
        if (n.port >= plan.ports.size()) continue;
        const NetworkPlan::Port& port = plan.ports[n.port];
        if (hops_.size() <= n.hop) hops_.resize(n.hop + std::size_t{1});
        hops_[n.hop] = {n.mac, port.mac, n.port,
                        port.up ? std::min(n.mtu, port.mtu) : std::uint16_t{0}};
    }
}

template <Family F>
Way<F> Network::way_to(const AddressOf<F>& destination) const {
    Way<F> way;
    if constexpr (F == Family::ipv4)
        way = v4_.way_to(destination);
    else
        way = v6_.way_to(destination);
    if (way.kind == WayKind::hop && !is_ready(way.hop)) way.kind = WayKind::ask;
    return way;
}

template Way<Family::ipv4> Network::way_to<Family::ipv4>(const Be32&) const;
template Way<Family::ipv6> Network::way_to<Family::ipv6>(const AddressOf<Family::ipv6>&) const;

template <Family F>
AddressOf<F> Network::source_towards(PortIndex port, const AddressOf<F>& neighbour) const {
    const IpAddress* first = nullptr;
    for (const NetworkPlan::Source& source : sources_[port]) {
        if (source.address.family() != F) continue;
        if (source.network.contains(IpAddress(neighbour))) return wire_address<F>(source.address);
        if (first == nullptr) first = &source.address;
    }
    return first == nullptr ? AddressOf<F>{} : wire_address<F>(*first);
}

template AddressOf<Family::ipv4> Network::source_towards<Family::ipv4>(PortIndex,
                                                                       const Be32&) const;
template AddressOf<Family::ipv6> Network::source_towards<Family::ipv6>(
    PortIndex, const AddressOf<Family::ipv6>&) const;

template <Family F>
AddressOf<F> Network::router_address(PortIndex port, const AddressOf<F>& neighbour) const {
    if (const auto own = source_towards<F>(port, neighbour); own != AddressOf<F>{}) return own;
    for (const auto& others : sources_)
        for (const NetworkPlan::Source& source : others)
            if (source.address.family() == F) return wire_address<F>(source.address);
    for (const IpAddress& own : own_addresses_)
        if (own.family() == F && !is_martian(wire_address<F>(own))) return wire_address<F>(own);
    return {};
}
template AddressOf<Family::ipv4> Network::router_address<Family::ipv4>(PortIndex,
                                                                       const Be32&) const;
template AddressOf<Family::ipv6> Network::router_address<Family::ipv6>(
    PortIndex, const AddressOf<Family::ipv6>&) const;

HopIndex Network::hop_to(PortIndex port, const IpAddress& neighbour) const {
    const HopIndex hop = neighbour.is_ipv4() ? v4_.hop_to(port, neighbour.v4())
                                             : v6_.hop_to(port, neighbour.bytes());
    return is_ready(hop) ? hop : kNoHop;
}

}  // namespace usher
