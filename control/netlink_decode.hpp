// SPDX-License-Identifier: BSD-3-Clause
// One rtnetlink message -> one plain value, or nothing when it is none of ours. Pure.
#pragma once

#include <optional>

#include "control/kernel_network.hpp"

namespace usher {

std::optional<KernelLink> decode_link(const nlmsghdr* message);
std::optional<KernelAddress> decode_address(const nlmsghdr* message);
// Only unicast and refusing routes of the main table; next hops that are dead are left out.
std::optional<KernelRoute> decode_route(const nlmsghdr* message);

struct NeighbourNews {
    NeighbourKey key;
    std::optional<KernelNeighbour> neighbour;  // none: gone
    bool unconfirmed = false;                  // NUD_STALE
};
std::optional<NeighbourNews> decode_neighbour(const nlmsghdr* message);

// What it means that Linux does not ask for a neighbour. `no_space`: its table is full, which is
// when there are more than gc_thresh3 (arp(7)).
Error unasked(const IpAddress& address, int error);

}  // namespace usher
