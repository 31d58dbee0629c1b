// SPDX-License-Identifier: BSD-3-Clause
// Which of a route's next hops has which share of the destinations. Pure; control thread, but for
// mix_bits(), which workers call, too.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/network.hpp"

namespace usher {

// A destination's slot is its hash modulo their number.
inline constexpr std::uint32_t kSlotsOfSeveral = 1024;  // shares right to a few parts in a hundred

// For each slot, the position in `hops` (not empty) of the next hop that has it: one slot for one
// next hop, else kSlotsOfSeveral. Without one of several, its slots move and no other.
std::vector<std::uint32_t> slots_of(const std::vector<NetworkPlan::NextHop>& hops);

constexpr std::uint64_t mix_bits(std::uint64_t bits) {  // the end of MurmurHash3
    bits ^= bits >> 33;
    bits *= 0xff51afd7ed558ccdULL;
    bits ^= bits >> 33;
    bits *= 0xc4ceb9fe1a85ec53ULL;
    return bits ^ bits >> 33;
}

}  // namespace usher
