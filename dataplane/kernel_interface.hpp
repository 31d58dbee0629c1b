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
    bool up = false;           // by the operator
    bool running = false;      // has a link as well
    std::uint32_t queues = 1;  // that received packets are spread over
    bool combined = false;     // each of them with one to transmit: all that AF_XDP can use
};

Result<KernelInterface> kernel_interface(const std::string& name);

// Up, Ethernet frames no longer than 1514 bytes, `queues` receive queues (0: as many as there are)
// that AF_XDP can use; else a sentence with the remedy. One that has just appeared may be down yet.
enum class MayBeDown : std::uint8_t { no, yes };
Result<KernelInterface> interface_for_af_xdp(const std::string& name, std::uint32_t queues,
                                             MayBeDown down);

}  // namespace usher
