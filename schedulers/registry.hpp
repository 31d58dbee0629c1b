// SPDX-License-Identifier: BSD-3-Clause
// The one table of schedulers. A new one is one file, and one line in registry.cpp.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "schedulers/scheduler.hpp"

namespace usher {

struct SchedulerKind {
    std::string_view name;         // as `ipvsadm -s` takes it
    std::string_view description;  // a line for people
    std::unique_ptr<Scheduler> (*make)(Scheduler::Servers servers, const SchedulerOptions& options);
};

std::span<const SchedulerKind> scheduler_kinds();

// What IPVS calls a service's lack of one: no rule, and in every build.
inline constexpr std::string_view kNoScheduler = "none";

// One of the table, or that. nullptr: not built in.
const SchedulerKind* find_scheduler(std::string_view name);

inline bool scheduler_exists(std::string_view name) {
    return find_scheduler(name) != nullptr;
}

}  // namespace usher
