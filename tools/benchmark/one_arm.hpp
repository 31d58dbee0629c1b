// SPDX-License-Identifier: BSD-3-Clause
// A director with one arm and one server behind the service, on a device of DPDK's: its
// configuration, and the packets that reach it.
#pragma once

#include <cstdint>
#include <string>

#include "nat/address.hpp"
#include "tools/benchmark/traffic.hpp"

namespace usher::bench {

struct OneArmTraffic {
    std::uint8_t protocol = 17;
    std::uint32_t flows = 1000;

    std::uint32_t packets() const { return 2 * flows; }  // each flow's, in both directions
};

// Who is on the wire. net_pcap's first port has the address that is `director` here.
inline constexpr MacAddress kDirectorMac{{0x02, 0x70, 0x63, 0x61, 0x70, 0x00}};
inline constexpr MacAddress kClientMac{{2, 0, 0, 0, 0, 1}};
inline constexpr MacAddress kServerMac{{2, 0, 0, 0, 0, 2}};

// Packet number n, below packets(): a flow's two follow each other. No handshakes.
Header one_arm_packet(const OneArmTraffic& traffic, std::uint32_t n);

struct OneArm {
    std::string device;         // as DPDK names it, with its arguments
    std::uint32_t buffers = 0;  // packet_buffers
    unsigned table_bits = 20;
    unsigned queues = 1;
    std::vector<int> cores;  // a worker each
    std::string socket;
};

// usherd's file for it.
std::string one_arm_configuration(const OneArmTraffic& traffic, const OneArm& arm);

}  // namespace usher::bench
