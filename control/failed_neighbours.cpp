// SPDX-License-Identifier: BSD-3-Clause
#include "control/failed_neighbours.hpp"

namespace usher {

FailedNeighbours::Changes FailedNeighbours::update(const KernelNetwork& kernel,
                                                   const std::set<NeighbourKey>& watched) {
    Changes changes;
    std::erase_if(failed_, [&](const NeighbourKey& key) { return !watched.contains(key); });
    for (const NeighbourKey& key : watched) {
        const auto known = kernel.neighbours.find(key);
        if (known == kernel.neighbours.end()) continue;
        if (known->second.state == NeighbourState::failed && failed_.insert(key).second)
            changes.failed.push_back(key);
        if (known->second.state == NeighbourState::usable && failed_.erase(key) > 0)
            changes.answering.push_back(key);
    }
    return changes;
}

}  // namespace usher
