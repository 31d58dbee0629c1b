// SPDX-License-Identifier: BSD-3-Clause
// Which DPDK ports the interfaces of the file need, and which of them are VLANs that share one.
// Linux says which interface is a VLAN device, on what, and with which tag; its name means nothing.
// The file may say so of another one (`parent` and `vlan`).
// Control thread, at start.
//
// Worked example. The file has eth0.10, eth0.20 and eth1; Linux has VLANs 10 and 20 on eth0:
//   ports  0 eth1
//          1 eth0 (nobody named it: what comes without a tag is the kernel's)
//   vlans  2 eth0.10: VLAN 10 of port 1
//          3 eth0.20: VLAN 20 of port 1
#pragma once

#include <string>
#include <vector>

#include "conf/model.hpp"
#include "control/kernel_network.hpp"
#include "dataplane/vlan.hpp"

namespace usher {

struct PortLayout {
    struct Physical {
        InterfaceConfig config;  // of its first VLAN, but for the name, when it was not named
        bool is_named = true;    // in the file: untagged packets are ours, too
    };
    struct Vlan {
        std::string name;
        unsigned ifindex = 0;
        VlanPort port;
    };
    std::vector<Physical> ports;  // by PortIndex
    std::vector<Vlan> vlans;      // numbered behind them

    std::vector<VlanPort> vlan_ports() const;
};

// Fails with a sentence for a device that cannot be served.
Result<PortLayout> lay_out_ports(const std::vector<InterfaceConfig>& interfaces,
                                 const KernelNetwork& kernel);

}  // namespace usher
