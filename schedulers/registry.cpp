// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/registry.hpp"

#include <algorithm>
#include <array>
#include <type_traits>

#include "schedulers/destination_hash.hpp"
#include "schedulers/least_connection.hpp"
#include "schedulers/locality_least_connection.hpp"
#include "schedulers/locality_replicated.hpp"
#include "schedulers/maglev_hash.hpp"
#include "schedulers/never_queue.hpp"
#include "schedulers/no_scheduler.hpp"
#include "schedulers/round_robin.hpp"
#include "schedulers/shortest_expected_delay.hpp"
#include "schedulers/source_hash.hpp"
#include "schedulers/weighted_failover.hpp"
#include "schedulers/weighted_least_connection.hpp"
#include "schedulers/weighted_overflow.hpp"
#include "schedulers/weighted_round_robin.hpp"

namespace usher {

namespace {

// -Dschedulers=... of the build: "all", or names with commas.
constexpr std::string_view kBuiltIn = USHER_SCHEDULERS;

constexpr bool is_built_in(std::string_view name) {
    std::string_view rest = kBuiltIn;
    while (!rest.empty()) {
        const std::string_view first = rest.substr(0, rest.find(','));
        if (first == name || first == "all") return true;
        rest.remove_prefix(std::min(rest.size(), first.size() + 1));
    }
    return false;
}

template <class T>
std::unique_ptr<Scheduler> make(Scheduler::Servers servers, const SchedulerOptions& options) {
    if constexpr (std::is_constructible_v<T, Scheduler::Servers, const SchedulerOptions&>)
        return std::make_unique<T>(std::move(servers), options);
    else
        return std::make_unique<T>(std::move(servers));
}

struct Name {
    template <std::size_t length>
    constexpr Name(const char (&text)[length]) {  // NOLINT: a literal is meant to become a Name
        std::copy_n(text, std::min(length, sizeof letters - 1), letters);
    }
    char letters[16] = {};
};

// Nothing refers to a scheduler that is left out, so the linker leaves its code out.
template <Name name, class T>
constexpr SchedulerKind kind(std::string_view description) {
    if constexpr (is_built_in(name.letters))
        return {name.letters, description, make<T>};
    else
        return {name.letters, description, nullptr};
}

constexpr std::array kAll{
    kind<"rr", RoundRobin>("round robin"),
    kind<"wrr", WeightedRoundRobin>("weighted round robin"),
    kind<"lc", LeastConnection>("least connections"),
    kind<"wlc", WeightedLeastConnection>("weighted least connections"),
    kind<"lblc", LocalityLeastConnection>("least connections by destination"),
    kind<"lblcr", LocalityReplicated>("least connections by destination, sets of servers"),
    kind<"dh", DestinationHash>("hash of the destination"),
    kind<"sh", SourceHash>("hash of the client"),
    kind<"sed", ShortestExpectedDelay>("shortest expected delay"),
    kind<"nq", NeverQueue>("idle servers first, then shortest expected delay"),
    kind<"fo", WeightedFailover>("greatest weight"),
    kind<"ovf", WeightedOverflow>("greatest weight until it has as many connections"),
    kind<"mh", MaglevHash>("Maglev hash of the client"),
};

constexpr SchedulerKind kNone{kNoScheduler, "nobody: new connections are refused",
                              make<NoScheduler>};

constexpr bool is_in_build(const SchedulerKind& kind) {
    return is_built_in(kind.name);
}

constexpr auto kKinds = [] {
    std::array<SchedulerKind, std::count_if(kAll.begin(), kAll.end(), is_in_build)> kinds{};
    std::copy_if(kAll.begin(), kAll.end(), kinds.begin(), is_in_build);
    return kinds;
}();

constexpr bool all_are_known() {
    const auto commas = std::count(kBuiltIn.begin(), kBuiltIn.end(), ',');
    return is_built_in("all") || commas + 1 == std::ssize(kKinds);
}
static_assert(all_are_known(), "-Dschedulers=... names a scheduler that does not exist, or twice");

}  // namespace

std::span<const SchedulerKind> scheduler_kinds() {
    return kKinds;
}

const SchedulerKind* find_scheduler(std::string_view name) {
    for (const SchedulerKind& kind : kKinds)
        if (kind.name == name) return &kind;
    return name == kNoScheduler ? &kNone : nullptr;
}

}  // namespace usher
