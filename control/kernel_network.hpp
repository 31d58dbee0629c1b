// SPDX-License-Identifier: BSD-3-Clause
// Linux's view of the network, as plain values, and a mirror that follows it over rtnetlink.
// Linux owns addresses, routes and neighbours; Usher only reads them, and asks for neighbours.
//
// Mirrored: every link, every address, the routes of the main table (policy routing's other tables
// are not looked at), and the neighbours of both families. All of the process's own network
// namespace. Control thread only.
//
// Worked example. A route 10.0.0.0/24 on ifindex 3 is there and server 10.0.0.100 is not yet known:
// request_neighbour(3, 10.0.0.100) makes the kernel ask by ARP; fd() becomes readable;
// on_readable() is true and network().neighbours now has {3, 10.0.0.100} with its MAC address, or
// as failed.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nat/address.hpp"
#include "nat/result.hpp"

struct mnl_socket;
struct nlmsghdr;

namespace usher {

struct KernelLink {
    unsigned ifindex = 0;
    std::string name;
    MacAddress mac;  // zero where the link has none of six bytes
    std::uint32_t mtu = 0;
    bool up = false;         // by the operator
    bool carrier = false;    // a cable, or the other end of a veth being up
    std::string kind;        // of a virtual device: "veth", "vlan", "bond", ...; else empty
    unsigned parent = 0;     // ifindex of what a VLAN or macvlan device sits on; 0: nothing of ours
    unsigned master = 0;     // ifindex of the bond or bridge that it is a member of
    std::uint16_t vlan = 0;  // of a VLAN device: the id in its tag
    bool service_tag = false;  // ... which is not an 802.1Q one (QinQ's outer tag)
    friend bool operator==(const KernelLink&, const KernelLink&) = default;
};

struct KernelAddress {
    unsigned ifindex = 0;
    IpAddress address;
    std::uint8_t prefix_length = 0;
    bool tentative = false;   // whether another box has it is not known yet; or one has
    bool secondary = false;   // IPv4: another one of its network is primary; IPv6: temporary
    bool deprecated = false;  // not for new connections
    friend bool operator==(const KernelAddress&, const KernelAddress&) = default;
};

struct KernelNextHop {
    std::optional<IpAddress> gateway;  // none: the destination is on the link itself
    unsigned ifindex = 0;
    unsigned weight = 1;
    std::uint16_t mtu = 0;  // of the route; 0: it has none of its own
    friend bool operator==(const KernelNextHop&, const KernelNextHop&) = default;
};

struct KernelRoute {
    Prefix destination;
    std::uint32_t metric = 0;              // of two routes to one prefix the lower one counts
    std::vector<KernelNextHop> next_hops;  // empty: unreachable, blackhole or prohibit
    friend bool operator==(const KernelRoute&, const KernelRoute&) = default;
};

struct NeighbourKey {
    unsigned ifindex = 0;
    IpAddress address;
    friend auto operator<=>(const NeighbourKey&, const NeighbourKey&) = default;
};

enum class NeighbourState : std::uint8_t { resolving, usable, failed };

struct KernelNeighbour {
    NeighbourState state = NeighbourState::resolving;
    MacAddress mac;  // when usable
    friend bool operator==(const KernelNeighbour&, const KernelNeighbour&) = default;
};

struct KernelNetwork {
    std::map<unsigned, KernelLink> links;  // by ifindex
    std::vector<KernelAddress> addresses;  // in Linux's order
    std::vector<KernelRoute> routes;       // longest prefix first, then lowest metric
    std::map<NeighbourKey, KernelNeighbour> neighbours;

    const KernelLink* link(const std::string& name) const;
    const KernelRoute* route_to(
        const IpAddress& address) const;  // none: no route, not even default
    bool is_local(const IpAddress& address) const;
    // One by nexthop objects, of which Linux tells no next hops: net.ipv4.nexthop_compat_mode is 0.
    // Its next hop is on no interface, so nothing goes there. None: all is well.
    const KernelRoute* untold_route() const;
    friend bool operator==(const KernelNetwork&, const KernelNetwork&) = default;
};

class KernelMirror {
  public:
    static Result<KernelMirror> open();

    const KernelNetwork& network() const { return network_; }

    // For an epoll loop: readable when there is news. Non-blocking.
    int fd() const;
    // Takes in all news. True when network() changed. Lost news (ENOBUFS) are made up for by
    // reading everything again. Fails only when the kernel refuses to be read: then is_behind()
    // until a later call, which needs no news, has read what this one could not. What failed to be
    // read stays as it was.
    Result<bool> on_readable();
    bool is_behind() const {
        return stale_.links || stale_.addresses || stale_.routes || stale_.neighbours;
    }

    // Asks the kernel to find out the MAC address; the answer comes as news. Harmless when it is
    // known already: then the kernel checks it again if it has not been confirmed lately.
    Result<void> request_neighbour(unsigned ifindex, const IpAddress& address);
    // The kernel does not see our packets, so it thinks nobody uses these neighbours and would let
    // them go stale and drop them. Call it every few seconds with those in use: it asks again for
    // those that are stale, failed or missing.
    Result<void> refresh(const std::set<NeighbourKey>& in_use);

  private:
    struct Closer {
        void operator()(mnl_socket* socket) const;
    };
    using Socket = std::unique_ptr<mnl_socket, Closer>;
    struct Stale {
        bool links = false, addresses = false, routes = false, neighbours = false;
    };
    struct Neighbours {
        std::map<NeighbourKey, KernelNeighbour> known;
        std::set<NeighbourKey> unconfirmed;
    };

    KernelMirror() = default;
    Result<void> subscribe();
    void take(const nlmsghdr* message);
    Result<void> read_again();
    Result<void> read_links();
    Result<void> read_addresses();
    Result<void> read_routes();
    Result<void> read_neighbours();
    Result<void> read_neighbours_of(std::uint8_t family, Neighbours& all);
    template <class T>
    void replace(T& part, T&& now);
    void renew_requests();
    int exchange(nlmsghdr* request, int (*each)(const nlmsghdr*, void*), void* data);
    int converse(nlmsghdr* request, int (*each)(const nlmsghdr*, void*), void* data);
    template <class Each>
    Result<void> dump(std::uint16_t type, std::uint8_t family, Each each);
    Result<void> ask(const NeighbourKey& key);
    void keep_neighbour(const nlmsghdr* message);

    Socket news_;      // multicast, non-blocking
    Socket requests_;  // questions and answers, blocking; the kernel answers at once
    std::uint32_t sequence_ = 0;
    KernelNetwork network_;
    std::set<NeighbourKey> unconfirmed_;  // usable, but NUD_STALE
    Stale stale_;                         // what news say has changed, and is not read yet
    bool changed_ = false;                // since on_readable() last said so
};

}  // namespace usher
