// SPDX-License-Identifier: BSD-3-Clause
// What the kernel says about one of its interfaces, and whether AF_XDP can serve it. Control
// thread.
#pragma once

#include <cstdint>
#include <string>

#include "nat/address.hpp"
#include "nat/result.hpp"

namespace usher {

struct KernelInterface {
    unsigned ifindex = 0;
    MacAddress mac;
    std::uint32_t mtu = 0;
    bool up = false;             // by the operator
    bool running = false;        // has a link as well
    std::uint32_t queues = 1;    // that received packets are spread over
    bool large_receive = false;  // LRO: the NIC joins what it receives
    bool combined = false;       // each of them with one to transmit: all that AF_XDP can use
};

Result<KernelInterface> kernel_interface(const std::string& name);

// What follows fails with a sentence that has the remedy. Pure, all but the first:
Result<void> may_use_af_xdp();
// Up, and frames no longer than 1514 bytes. An interface that has just appeared may be down yet.
enum class MayBeDown : std::uint8_t { no, yes };
Result<void> check_state(const std::string& name, const KernelInterface& found, MayBeDown down);
// `queues` receive queues (0: as many as there are) that AF_XDP can use.
Result<void> check_queues(const std::string& name, const KernelInterface& found,
                          std::uint32_t queues);

// An interface of which all of this is true.
Result<KernelInterface> interface_for_af_xdp(const std::string& name, std::uint32_t queues,
                                             MayBeDown down);

}  // namespace usher
