// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/weighted_least_connection.hpp"

namespace usher {

Choice WeightedLeastConnection::choose(const Arrival&, Loads loads,
                                       std::uint64_t cursor) const noexcept {
    const std::span all = servers();
    int best = kNoServer;
    std::uint64_t best_load = 0;
    std::uint64_t best_weight = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const std::uint64_t weight = all[i].weight;
        if (weight == 0) continue;
        const std::uint64_t load = loads.active(all[i].slot) * 256 + loads.inactive(all[i].slot);
        // load / weight < best_load / best_weight, without the division; loads go to 2^36 and
        // weights to 2^31, so the products need more than 64 bits.
        __extension__ using Wide = unsigned __int128;
        if (best == kNoServer ||
            static_cast<Wide>(load) * best_weight < static_cast<Wide>(best_load) * weight) {
            best = static_cast<int>(i);
            best_load = load;
            best_weight = weight;
        }
    }
    return {best, cursor};
}

}  // namespace usher
