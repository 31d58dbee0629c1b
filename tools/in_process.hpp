// SPDX-License-Identifier: BSD-3-Clause
// The shipped director without devices, for tests, replayed traces and benchmarks: the real
// commands, the real snapshots, real workers; the caller brings packets and moves the clock.
//
// Two interfaces: "ext" (port 0: 198.51.100.1/24, default route by .254) and "int" (port 1:
// 10.0.0.1/16). 198.51.100.2 to .9 and .254, and 10.0.0.100 to .199, are known neighbours; options
// name more of these. With `vlans`, there are two more on port 0's wire: "vext" (port 2: VLAN 10,
// 198.18.10.1/24, a neighbour .7) and "vint" (port 3: VLAN 20, 198.18.20.1/24, neighbours .100 and
// .101), with IPv6 2001:db8:10::/64 and 2001:db8:20::/64 likewise. Nothing here knows of devices.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/running_director.hpp"

struct rte_mempool;

namespace usher {

class DirectorInProcess {
  public:
    struct Options {
        unsigned table_bits = 10;
        std::vector<std::vector<PortAccess>> ports;  // by worker: how its packets leave
        HashSeed seed{0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9};
        unsigned server_neighbours = 100;  // 10.0.0.100 and on, 2001:db8:b::100 and on
        std::vector<StaticRoute> routes;   // beside the default route
        FragmentTable::Limits fragments;
        bool vlans = false;
        bool default_routes = true;
    };
    explicit DirectorInProcess(const Options& options);
    ~DirectorInProcess();

    std::string request(std::string_view line);  // a line of docs/protocol.md; the reply's line

    DataPlane& plane() { return *plane_; }
    Worker& worker(unsigned id = 0) { return *workers_[id]; }
    RunningDirector& director() { return *director_; }

    Ticks now = 1000;

  private:
    std::unique_ptr<DataPlane> plane_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::unique_ptr<RunningDirector> director_;
};

// DPDK's environment can be started only once: one pool for the process, made when first asked.
// `other_bytes`: as EalConfig's.
rte_mempool* process_pool(unsigned packets = 4096, std::size_t other_bytes = 0);

}  // namespace usher
