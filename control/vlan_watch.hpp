// SPDX-License-Identifier: BSD-3-Clause
// VLAN devices that go and come while usherd runs. Their frames are those of the interface under
// them, which stays open (port_keeper.hpp); what changes is the number of Linux's device, by which
// its addresses and routes are ours. Control thread.
//
// Worked example. eth0.10, VLAN 10 of eth0, is deleted: its addresses and routes are gone, and the
// log says so. An eth0.10 appears:
//   VLAN 10 of eth0, with another number: it is ours from now on.
//   VLAN 20, or of eth1: the workers would put wrong tags on what is routed there. It is left out,
//   and the log says what it should have been.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "control/network_planner.hpp"

namespace usher {

class VlanWatch {
  public:
    // The numbers of VLANs among `ports`, as they are now.
    void follow(std::vector<PlannedPort>& ports, const KernelNetwork& kernel);

  private:
    enum class State : std::uint8_t { there, gone, other };
    struct Known {
        State state = State::there;
        bool is_device = false;  // a VLAN by Linux; else by the file alone
    };
    static bool is_as_planned(const std::vector<PlannedPort>& ports, const PlannedPort& port,
                              const KernelLink& link, const KernelNetwork& kernel);
    static void log(const PlannedPort& port, const std::string& parent, State state);

    std::map<std::string, Known> known_;  // by name
};

}  // namespace usher
