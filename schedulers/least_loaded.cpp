// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/least_loaded.hpp"

#include <algorithm>
#include <numeric>

namespace usher {

MarkedServers::MarkedServers(std::span<const ScheduledServer> servers) {
    std::vector<std::uint32_t> order(servers.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return servers[a].slot < servers[b].slot; });
    for (const std::uint32_t index : order) {
        const std::uint32_t slot = servers[index].slot;
        if (groups_.empty() || groups_.back().number != slot / 64) {
            groups_.emplace_back();
            groups_.back().number = slot / 64;
        }
        groups_.back().mask |= std::uint64_t{1} << (slot % 64);
        groups_.back().index[slot % 64] = index;
    }
}

bool fits_doubles(std::span<const ScheduledServer> servers) {
    constexpr std::uint32_t kGreatestWeight = 1U << 16;
    std::uint32_t divisor = 0;
    std::uint32_t greatest = 0;
    for (const ScheduledServer& server : servers) {
        divisor = std::gcd(divisor, server.weight);
        greatest = std::max(greatest, server.weight);
    }
    return divisor == 0 || greatest / divisor <= kGreatestWeight;
}

}  // namespace usher
