// SPDX-License-Identifier: BSD-3-Clause
// What the XDP program's map `marked` is to hold: of each destination prefix of the mark rules the
// ports that some rule has there, its own or one around it. Pure; called by the control thread.
//
//   rules: tcp to anywhere; tcp 80 to 203.0.113.0/24; tcp 443 to 203.0.113.8/29
//   203.0.113.10 is another's     all of 0 to 65535
//   203.0.113.10 is the box's     80 and 443: "anywhere" does not mean the box
#pragma once

#include <compare>
#include <cstdint>
#include <utility>
#include <vector>

#include "dataplane/steering_layout.h"
#include "nat/address.hpp"

namespace usher {

// Destinations that get a firewall mark: a prefix (of length 0 for "anywhere but the box itself")
// and ports in host order, both ends included.
struct MarkedDestination {
    Protocol protocol = Protocol::tcp;
    Prefix prefix;
    std::uint16_t first_port = 0;
    std::uint16_t last_port = 65535;
    friend constexpr auto operator<=>(const MarkedDestination&, const MarkedDestination&) = default;
};

using MarkedEntry = std::pair<steering_marked_key, steering_marked_ports>;

// One entry for each prefix and protocol. Where there are more than STEERING_OWN_RANGES ranges of
// ports apart from one another, the nearest are joined with what lies between them.
std::vector<MarkedEntry> marked_entries(std::vector<MarkedDestination> destinations);

}  // namespace usher
