// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/maglev_hash.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "schedulers/address_hash.hpp"
#include "schedulers/siphash.hpp"

namespace usher {

namespace {

constexpr SipKey kFirstKey{2654435761U, 2654435761U};
constexpr SipKey kSecondKey{2654446892U, 2654446892U};
constexpr int kTurnBits = 6;  // no server takes 64 places or more in one turn

constexpr std::uint32_t hash(std::uint32_t number, const SipKey& key) {
    return static_cast<std::uint32_t>(siphash13(number, key));
}

// A server's walk over the places, in its order of preference.
struct Walk {
    std::uint32_t place;
    std::uint32_t step;
    std::uint32_t turns;  // places that it takes in one turn
    std::uint32_t index;

    void advance() {
        place += step;
        if (place >= MaglevHash::kPlaces) place -= MaglevHash::kPlaces;
    }
};

std::vector<Walk> walks_of(std::span<const ScheduledServer> servers) {
    std::vector<std::uint32_t> weights;
    for (const ScheduledServer& server : servers)
        weights.push_back(server.weight > 0 ? server.weight : server.last_weight);
    std::uint32_t divisor = 0;
    for (const std::uint32_t weight : weights)
        divisor = std::gcd(divisor, weight);
    std::vector<Walk> walks;
    if (divisor == 0) return walks;
    walks.reserve(servers.size());
    const std::uint32_t greatest = *std::max_element(weights.begin(), weights.end()) / divisor;
    const int shift = std::max(0, static_cast<int>(std::bit_width(greatest)) - kTurnBits);
    for (std::uint32_t i = 0; i < servers.size(); ++i) {
        if (weights[i] == 0) continue;
        const std::uint32_t number = folded(servers[i].address) + servers[i].port;
        walks.push_back({hash(number, kFirstKey) % MaglevHash::kPlaces,
                         hash(number, kSecondKey) % (MaglevHash::kPlaces - 1) + 1,
                         std::max(1U, (weights[i] / divisor) >> shift), i});
    }
    return walks;
}

}  // namespace

MaglevHash::MaglevHash(Servers list, const SchedulerOptions& options)
    : Scheduler(std::move(list)), fallback_(options.fallback), port_(options.port) {
    fill_table();
}

void MaglevHash::fill_table() {
    constexpr std::uint32_t kFree = UINT32_MAX;
    std::vector<Walk> walks = walks_of(servers());
    table_.clear();
    if (walks.empty()) return;
    table_.assign(kPlaces, kFree);
    std::uint32_t filled = 0;
    for (;;)
        for (Walk& walk : walks)
            for (std::uint32_t i = 0; i < walk.turns; ++i) {
                while (table_[walk.place] != kFree)
                    walk.advance();
                table_[walk.place] = walk.index;
                if (++filled == kPlaces) return;
            }
}

std::uint32_t MaglevHash::place_of(std::uint32_t client, std::uint32_t offset) {
    return hash(client + offset, kFirstKey) % kPlaces;
}

bool MaglevHash::any_usable(Loads loads) const noexcept {
    const std::span all = servers();
    return std::any_of(all.begin(), all.end(),
                       [&](const ScheduledServer& server) { return is_usable(server, loads); });
}

Choice MaglevHash::choose(const Arrival& arrival, Loads loads,
                          std::uint64_t cursor) const noexcept {
    if (table_.empty()) return {kNoServer, cursor};
    const std::uint32_t client =
        folded(arrival.client) + (port_ ? std::uint32_t{arrival.client_port} : 0);
    const std::uint32_t first = place_of(client, 0);
    if (is_usable(servers()[table_[first]], loads))
        return {static_cast<int>(table_[first]), cursor};
    // Without a usable server all 4093 tries would be in vain, and an attacker's to ask for.
    if (!fallback_ || !any_usable(loads)) return {kNoServer, cursor};
    for (std::uint32_t i = 0; i < kPlaces; ++i) {
        const std::uint32_t index = table_[place_of(client, (i + first) % kPlaces)];
        if (is_usable(servers()[index], loads)) return {static_cast<int>(index), cursor};
    }
    return {kNoServer, cursor};
}

}  // namespace usher
