// SPDX-License-Identifier: BSD-3-Clause
// Where a packet goes next: the ports, Linux's routes and its neighbours, as a worker reads them.
// Immutable; built by the control thread whenever Linux says that something changed.
//
// A hop is a neighbour on a port: what the Ethernet header of a packet to it must be. A hop's
// number stays the same while the neighbour is known, so a connection may keep the number; when a
// route changes or a hop goes, `generation` moves on and every connection asks again.
//
// A route with several next hops spreads destinations over them by weight. What is hashed is the
// destination address alone, so all packets to one address take one way, whoever forwards them.
// When a next hop goes, only the destinations that it had move (rendezvous hashing); when it comes
// back they return.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "nat/address.hpp"
#include "nat/flow.hpp"

namespace usher {

using PortIndex = std::uint16_t;  // position in the list of the daemon's interfaces
using HopIndex = std::uint16_t;
inline constexpr HopIndex kNoHop = 0;

inline constexpr std::uint16_t kAnyMtu = 65535;

struct Hop {
    MacAddress destination;
    MacAddress source;
    PortIndex port = 0;
    std::uint16_t mtu = 0;  // bytes of an IP datagram; 0: there is no such hop
};
static_assert(sizeof(Hop) == 16);

// A connection's memory of a hop: its number, and the generation in which it was found.
class CachedHop {
  public:
    constexpr explicit CachedHop(std::uint32_t bits) : bits_(bits) {}
    constexpr CachedHop(HopIndex hop, std::uint16_t generation)
        : bits_(std::uint32_t{generation} << 16 | hop) {}
    constexpr HopIndex hop_in(std::uint16_t generation) const {
        return bits_ >> 16 == generation ? static_cast<HopIndex>(bits_) : kNoHop;
    }
    constexpr std::uint32_t bits() const { return bits_; }

  private:
    std::uint32_t bits_;
};

// What Linux says, in terms of ports; interfaces that are not ours are left out.
struct NetworkPlan {
    struct Port {
        MacAddress mac;
        std::uint16_t mtu = 0;
        bool up = false;
    };
    // Of the box on a link, to send from; link-local ones are left out.
    struct Source {
        PortIndex port = 0;
        IpAddress address;
        Prefix network;  // /32, /128: none
    };
    struct NextHop {
        std::optional<IpAddress> gateway;  // none: the destination itself is the neighbour
        PortIndex port = 0;
        unsigned weight = 1;  // its share, at least 1
        friend bool operator==(const NextHop&, const NextHop&) = default;
    };
    struct Route {
        Prefix destination;
        std::vector<NextHop> next_hops;  // none: leads to an interface that is not ours, or nowhere
        friend bool operator==(const Route&, const Route&) = default;
    };
    struct Neighbour {
        PortIndex port = 0;
        IpAddress address;
        MacAddress mac;
        HopIndex hop = kNoHop;        // its number, not kNoHop
        std::uint16_t mtu = kAnyMtu;  // of what goes by way of it, if that is less than the port's
    };
    std::vector<Port> ports;
    std::vector<Route> routes;  // at most one for a prefix: the one that Linux prefers
    std::vector<Neighbour> neighbours;
    std::vector<Source> sources;  // the fitter first
    // Of the box, on whatever interface.
    std::vector<IpAddress> own_addresses;
    std::vector<MacAddress> own_macs;
    std::uint16_t generation = 1;
    std::uint64_t serial = 1;  // of this plan: never the same twice, never 0
};

enum class WayKind : std::uint8_t { hop, ask, none };

template <Family F>
struct Way {
    WayKind kind = WayKind::none;
    HopIndex hop = kNoHop;     // of hop
    PortIndex port = 0;        // of ask: nobody knows the MAC address of
    AddressOf<F> neighbour{};  // this neighbour there
};

// One family's routes and neighbours.
template <Family F>
class Routes {
  public:
    Routes() = default;
    explicit Routes(const NetworkPlan& plan);

    Way<F> way_to(const AddressOf<F>& destination) const;  // the hop may not be ready
    HopIndex hop_to(PortIndex port, const AddressOf<F>& neighbour) const;  // kNoHop: not known

  private:
    // An address as a number that compares as its prefixes do.
    __extension__ using Wide = unsigned __int128;
    using Number = std::conditional_t<F == Family::ipv4, std::uint32_t, Wide>;
    static Number number_of(const AddressOf<F>& address);

    // Routes as disjoint ranges: the one that begins at or before an address is the longest match.
    struct Range {
        Number begin;
        int group;  // in groups_; -1: no way
    };
    struct Exit {
        AddressOf<F> gateway{};
        PortIndex port = 0;
        bool direct = false;  // the destination itself is the neighbour
    };
    // The next hops of routes that have the same ones: which slot a destination has is its hash.
    struct Group {
        std::uint32_t first;  // in slots_
        std::uint32_t mask;   // their number - 1; one slot where there is one next hop
    };
    struct Neighbour {
        PortIndex port;
        HopIndex hop;
        Number address;
    };
    class Grouping;
    static bool goes_before(const Neighbour& a, const Neighbour& b);
    static std::uint32_t spread(const AddressOf<F>& destination);
    void lay_out(const NetworkPlan& plan);

    std::vector<Range> ranges_;
    std::vector<Group> groups_;
    std::vector<std::uint32_t> slots_;  // in exits_
    std::vector<Exit> exits_;
    std::vector<Neighbour> neighbours_;  // sorted by port and address
};

class Network {
  public:
    Network() = default;
    explicit Network(const NetworkPlan& plan);

    template <Family F>
    Way<F> way_to(const AddressOf<F>& destination) const;
    HopIndex hop_to(PortIndex port, const IpAddress& neighbour) const;  // kNoHop: not known
    std::uint16_t port_mtu(PortIndex port) const { return ports_[port].mtu; }
    // The box's own address that `neighbour` there is to see, as Linux chooses it: that in a
    // network of the two, else the first. Zero: the box has none of the family on that link.
    template <Family F>
    AddressOf<F> source_towards(PortIndex port, const AddressOf<F>& neighbour) const;
    // What an ICMP error from here to `neighbour` there says that it is from: the same, or if there
    // is none another own address, as Linux chooses it. Zero: the box has none that goes so far.
    template <Family F>
    AddressOf<F> router_address(PortIndex port, const AddressOf<F>& neighbour) const;
    const Hop& hop(HopIndex index) const { return hops_[index]; }
    bool is_ready(HopIndex index) const { return index < hops_.size() && hops_[index].mtu != 0; }
    bool is_own(const IpAddress& address) const {
        return std::binary_search(own_addresses_.begin(), own_addresses_.end(), address);
    }
    bool is_own(const MacAddress& mac) const {
        return std::binary_search(own_macs_.begin(), own_macs_.end(), mac);
    }
    std::uint16_t generation() const { return generation_; }
    std::uint64_t serial() const { return serial_; }

  private:
    std::vector<Hop> hops_{1};
    std::vector<NetworkPlan::Port> ports_;
    std::vector<std::vector<NetworkPlan::Source>> sources_;  // by port
    std::vector<IpAddress> own_addresses_;                   // both sorted
    std::vector<MacAddress> own_macs_;
    Routes<Family::ipv4> v4_;
    Routes<Family::ipv6> v6_;
    std::uint16_t generation_ = 0;
    std::uint64_t serial_ = 0;
};

}  // namespace usher
