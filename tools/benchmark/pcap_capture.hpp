// SPDX-License-Identifier: BSD-3-Clause
// The capture that net_pcap replays: every flow's packets in both directions, in round-robin order,
// as they reach the one arm of a director that has one server behind the service.
#pragma once

#include <cstdint>
#include <string>

#include "nat/address.hpp"

namespace usher::bench {

struct PcapTraffic {
    std::uint8_t protocol = 17;
    std::uint32_t flows = 1000;

    std::uint32_t packets() const { return 2 * flows; }
};

// Who is on the wire. net_pcap's first port has the address that is `director` here.
inline constexpr MacAddress kPcapDirectorMac{{0x02, 0x70, 0x63, 0x61, 0x70, 0x00}};
inline constexpr MacAddress kPcapClientMac{{2, 0, 0, 0, 0, 1}};
inline constexpr MacAddress kPcapServerMac{{2, 0, 0, 0, 0, 2}};

// Throws std::runtime_error when the file cannot be written.
void write_capture(const std::string& path, const PcapTraffic& traffic);

// usherd's configuration for it: that file, one worker on `core`, its socket at `socket`.
std::string pcap_configuration(const PcapTraffic& traffic, const std::string& capture, int core,
                               const std::string& socket);

}  // namespace usher::bench
