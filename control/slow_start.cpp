// SPDX-License-Identifier: BSD-3-Clause
#include "control/slow_start.hpp"

#include <algorithm>
#include <string_view>

#include "conf/rules.hpp"

namespace usher {

namespace {

bool goes_by_ratio(std::string_view scheduler) {
    static constexpr std::string_view kRatios[] = {"wrr", "wlc", "sed", "nq", "mh"};
    return std::find(std::begin(kRatios), std::end(kRatios), scheduler) != std::end(kRatios);
}

}  // namespace

SlowStart::SlowStart(const SlowStart& before, const DesiredService* was, const DesiredService& is,
                     std::uint32_t now)
    : duration_(is.options.slow_start) {
    if (duration_ == 0 || was == nullptr) return;
    std::map<ServerKey, std::uint32_t> weights;
    for (const DesiredServer& server : was->servers)
        weights.emplace(server.key, server.options.weight);
    std::uint32_t greatest = 0;
    for (const DesiredServer& server : is.servers) {
        greatest = std::max(greatest, server.options.weight);
        if (server.options.weight == 0) continue;
        const auto known = weights.find(server.key);
        const auto growing = before.since_.find(server.key);
        const bool back = known == weights.end() || known->second == 0;
        const std::uint32_t since = back                             ? now
                                    : growing != before.since_.end() ? growing->second
                                                                     : now - duration_;
        if (now - since < duration_) since_.emplace(server.key, since);
    }
    if (growing() && goes_by_ratio(is.options.scheduler) && greatest <= kMaxWeight / kScale)
        scale_ = kScale;
}

std::uint32_t SlowStart::scaled(std::uint32_t weight) const {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(std::uint64_t{weight} * scale_, kMaxWeight));
}

std::uint32_t SlowStart::weight(const DesiredServer& server, std::uint32_t now) const {
    const std::uint64_t full = std::uint64_t{server.options.weight} * scale_;
    const auto growing = since_.find(server.key);
    if (growing == since_.end() || full == 0) return static_cast<std::uint32_t>(full);
    const std::uint64_t grown = full * std::min(now - growing->second, duration_) / duration_;
    return static_cast<std::uint32_t>(std::max<std::uint64_t>(grown, 1));
}

}  // namespace usher
