// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/registry.hpp"

#include <array>

#include "schedulers/round_robin.hpp"
#include "schedulers/weighted_least_connection.hpp"
#include "schedulers/weighted_round_robin.hpp"

namespace usher {

namespace {

template <class T>
std::unique_ptr<Scheduler> make(Scheduler::Servers servers) {
    return std::make_unique<T>(std::move(servers));
}

constexpr std::array kKinds{
    SchedulerKind{"rr", "round robin", make<RoundRobin>},
    SchedulerKind{"wrr", "weighted round robin", make<WeightedRoundRobin>},
    SchedulerKind{"wlc", "weighted least connection", make<WeightedLeastConnection>},
};

}  // namespace

std::span<const SchedulerKind> scheduler_kinds() {
    return kKinds;
}

const SchedulerKind* find_scheduler(std::string_view name) {
    for (const SchedulerKind& kind : kKinds)
        if (kind.name == name) return &kind;
    return nullptr;
}

}  // namespace usher
