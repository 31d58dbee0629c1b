// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/marked_ports.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace usher {

namespace {

using Ranges = std::vector<steering_port_range>;

constexpr steering_port_range kNone{1, 0};

// In rising order, none touching the next.
Ranges joined(Ranges ranges) {
    std::sort(ranges.begin(), ranges.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    Ranges apart;
    for (const steering_port_range& each : ranges) {
        if (!apart.empty() && each.first <= apart.back().last + 1)
            apart.back().last = std::max(apart.back().last, each.last);
        else
            apart.push_back(each);
    }
    return apart;
}

// The widest gaps stay.
Ranges at_most(std::size_t room, const Ranges& apart) {
    if (apart.size() <= room) return apart;
    std::vector<std::size_t> gaps(apart.size() - 1);
    for (std::size_t i = 0; i < gaps.size(); ++i)
        gaps[i] = i;
    const auto width = [&](std::size_t gap) { return apart[gap + 1].first - apart[gap].last; };
    std::stable_sort(gaps.begin(), gaps.end(),
                     [&](std::size_t a, std::size_t b) { return width(a) > width(b); });
    gaps.resize(room - 1);
    std::sort(gaps.begin(), gaps.end());
    Ranges few;
    std::uint16_t first = apart.front().first;
    for (const std::size_t gap : gaps) {
        few.push_back({first, apart[gap].last});
        first = apart[gap + 1].first;
    }
    few.push_back({first, apart.back().last});
    return few;
}

// A prefix with what holds for it: the rules of its own and of those around it.
struct Marked {
    Protocol protocol = Protocol::tcp;
    Prefix prefix;
    steering_port_range all = {65535, 0};
    Ranges named = {};  // of rules that name a destination

    void add(const MarkedDestination& rule) {
        all = {std::min(all.first, rule.first_port), std::max(all.last, rule.last_port)};
        if (prefix.length != 0) named.push_back({rule.first_port, rule.last_port});
    }
    bool contains(const MarkedDestination& rule) const {
        return protocol == rule.protocol && prefix.contains(rule.prefix.address);
    }
};

MarkedEntry entry_of(const Marked& marked) {
    MarkedEntry entry{};
    auto& [key, ports] = entry;
    key.prefix_length = STEERING_MARKED_FIXED_BITS + marked.prefix.length;
    key.kind = marked.prefix.address.is_ipv4() ? STEERING_IPV4 : STEERING_IPV6;
    key.protocol = static_cast<std::uint8_t>(marked.protocol);
    std::memcpy(key.address, marked.prefix.address.bytes().data(), sizeof(key.address));
    ports.all = marked.all;
    std::fill(std::begin(ports.own), std::end(ports.own), kNone);
    const Ranges own = at_most(STEERING_OWN_RANGES, marked.named);
    std::copy(own.begin(), own.end(), std::begin(ports.own));
    return entry;
}

}  // namespace

// In the order of the addresses each prefix comes after the ones that contain it.
std::vector<MarkedEntry> marked_entries(std::vector<MarkedDestination> destinations) {
    std::sort(destinations.begin(), destinations.end());
    std::vector<MarkedEntry> entries;
    std::vector<Marked> around;
    for (auto rule = destinations.begin(); rule != destinations.end();) {
        while (!around.empty() && !around.back().contains(*rule))
            around.pop_back();
        Marked marked{rule->protocol, rule->prefix};
        if (!around.empty()) {
            marked.all = around.back().all;
            marked.named = around.back().named;
        }
        for (; rule != destinations.end() && rule->protocol == marked.protocol &&
               rule->prefix == marked.prefix;
             ++rule)
            marked.add(*rule);
        marked.named = joined(std::move(marked.named));
        entries.push_back(entry_of(marked));
        around.push_back(std::move(marked));
    }
    return entries;
}

}  // namespace usher
