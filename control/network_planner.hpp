// SPDX-License-Identifier: BSD-3-Clause
// Linux's network, or the file's static one -> what the workers need of it. Keeps the numbers of
// hops stable, so that connections may remember them. Control thread only.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "conf/model.hpp"
#include "control/failed_neighbours.hpp"
#include "control/kernel_network.hpp"
#include "dataplane/network.hpp"
#include "dataplane/vlan.hpp"

namespace usher {

// One of our interfaces, by PortIndex.
struct PlannedPort {
    std::string name;
    unsigned ifindex = 0;  // 0: not Linux's (attach = "device")
    MacAddress mac;
    std::uint16_t mtu = 0;
    VlanPort vlan = {};          // id 0: it is no VLAN of another one
    bool takes_untagged = true;  // false: only its VLANs are in the file
};

class NetworkPlanner {
  public:
    NetworkPlanner(std::vector<PlannedPort> ports, const Config& config);

    // The plan for what Linux says now. Moves the generation on when hops that connections remember
    // may not be right any more.
    NetworkPlan plan(const KernelNetwork& kernel);

    // Which neighbours packets to `destination` may need; none: they are not ours, or no route.
    std::vector<NeighbourKey> neighbours_of(const KernelNetwork& kernel,
                                            const IpAddress& destination) const;
    // Linux's route, or one of the file, goes there by an interface of ours.
    bool leads_to(const KernelNetwork& kernel, const IpAddress& destination) const;
    const std::vector<PlannedPort>& ports() const { return ports_; }
    // Of the last plan.
    const std::vector<NetworkPlan::Source>& sources() const { return last_.sources; }
    const std::vector<NetworkPlan::Route>& routes() const { return last_.routes; }
    void set_ports(const std::vector<PlannedPort>& ports) { ports_ = ports; }
    // Of the box, by the file (attach = "device").
    bool has_address(const IpAddress& address) const;

  private:
    struct StaticAddress {
        PortIndex port;
        IpAddress address;
        int length;
    };
    std::optional<PortIndex> port_of(unsigned ifindex) const;
    void add_static_route(const Prefix& destination, const NetworkPlan::NextHop& hop);
    void watch_gateways(const KernelNetwork& kernel);
    bool is_alive(const KernelNetwork& kernel, const KernelNextHop& next) const;
    std::vector<NetworkPlan::NextHop> ours(const NetworkPlan& plan,
                                           const std::vector<KernelNextHop>& next_hops) const;
    NetworkPlan::Route choose(const NetworkPlan& plan, const KernelNetwork& kernel,
                              std::span<const KernelRoute> routes) const;
    static std::map<NeighbourKey, std::uint16_t> gateway_mtus(const KernelNetwork& kernel);
    void add_kernel(NetworkPlan& plan, const KernelNetwork& kernel);
    void add_static(NetworkPlan& plan);
    void set_sources(NetworkPlan& plan, const KernelNetwork& kernel) const;
    HopIndex number(PortIndex port, const IpAddress& address);
    PortIndex port_named(const std::string& name) const;

    std::vector<PlannedPort> ports_;
    std::vector<StaticAddress> static_addresses_;
    std::vector<StaticNeighbour> static_neighbours_;
    std::vector<NetworkPlan::Route> static_routes_;
    std::map<std::pair<PortIndex, IpAddress>, HopIndex> numbers_;
    FailedNeighbours failed_;  // of the gateways
    NetworkPlan last_;
};

}  // namespace usher
