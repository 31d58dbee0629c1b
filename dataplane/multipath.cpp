// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/multipath.hpp"

#include <algorithm>
#include <cmath>

namespace usher {

namespace {

std::uint64_t name_of(const NetworkPlan::NextHop& hop) {
    std::uint64_t name = mix_bits(hop.port + std::uint64_t{1});
    if (hop.gateway)
        for (const std::uint8_t byte : hop.gateway->bytes())
            name = mix_bits(name ^ byte);
    return name;
}

// Weighted rendezvous hashing: the next hop with the highest score has the slot. The score is the
// next hop's own, so that others may come and go.
double score(std::uint64_t name, unsigned weight, std::uint32_t slot) {
    constexpr double kParts = 9007199254740992.0;  // 2^53
    const auto part = (static_cast<double>(mix_bits(name + slot) >> 11) + 0.5) / kParts;
    return -static_cast<double>(weight) / std::log(part);  // 0 < part < 1
}

}  // namespace

std::vector<std::uint32_t> slots_of(const std::vector<NetworkPlan::NextHop>& hops) {
    if (hops.size() == 1) return {0};
    std::vector<std::uint64_t> names(hops.size());
    std::transform(hops.begin(), hops.end(), names.begin(), name_of);
    std::vector<std::uint32_t> slots(kSlotsOfSeveral);
    for (std::uint32_t slot = 0; slot < slots.size(); ++slot) {
        double best = 0;
        for (std::uint32_t hop = 0; hop < hops.size(); ++hop) {
            const double own = score(names[hop], hops[hop].weight, slot);
            if (own <= best) continue;
            best = own;
            slots[slot] = hop;
        }
    }
    return slots;
}

}  // namespace usher
