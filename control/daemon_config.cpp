// SPDX-License-Identifier: BSD-3-Clause
#include "control/daemon_config.hpp"

#include <grp.h>
#include <net/if.h>

#include <algorithm>

#include "control/desired_state.hpp"
#include "control/reload.hpp"
#include "dataplane/cores.hpp"
#include "schedulers/registry.hpp"

namespace usher {

namespace {

// Both as they were at first: DPDK then binds this thread to one core, and a reload asks again.
const std::vector<unsigned>& own_cores() {
    static const std::vector<unsigned> kCores = inherited_cores();
    return kCores;
}

const std::vector<unsigned>& cores_to_name() {
    static const std::vector<unsigned> kCores = permitted_cores();
    return kCores;
}

std::vector<std::string> interfaces() {
    std::vector<std::string> names;
    struct if_nameindex* list = if_nameindex();
    for (auto* entry = list; entry != nullptr && entry->if_index != 0; ++entry)
        names.emplace_back(entry->if_name);
    if (list != nullptr) if_freenameindex(list);
    return names;
}

// What this version cannot do is an error at the service that asks for it.
std::vector<ConfigError> unsupported(const ReadConfig& read) {
    std::vector<ConfigError> errors;
    const Rules rules{scheduler_exists};
    for (std::size_t i = 0; i < read.config.services.size(); ++i) {
        const auto state = reload({}, {read.config.services[i]}, rules);
        if (!state)
            errors.push_back(
                {read.source.file, read.source.services[i].key, state.error().message});
    }
    return errors;
}

}  // namespace

MachineFacts machine_facts(const Config& config) {
    MachineFacts facts;
    facts.interfaces = interfaces();
    facts.cores = cores_to_name();
    if (!config.control.group.empty() && getgrnam(config.control.group.c_str()) != nullptr)
        facts.groups.push_back(config.control.group);
    for (const SchedulerKind& kind : scheduler_kinds())
        facts.schedulers.emplace_back(kind.name);
    facts.schedulers.emplace_back(kNoScheduler);
    return facts;
}

ConfigResult load_config(const std::string& path) {
    ConfigResult read = read_config(path);
    if (!read) return read;
    std::vector<ConfigError> errors = check_config(*read, machine_facts(read->config));
    if (errors.empty()) errors = unsupported(*read);
    if (!errors.empty()) return tl::unexpected(std::move(errors));
    return read;
}

std::vector<unsigned> worker_cores(const Config& config) {
    if (!config.worker_cores.empty()) return config.worker_cores;
    const std::vector<unsigned>& cores = own_cores();
    return {cores.empty() ? 0 : cores.back()};
}

unsigned main_core(const std::vector<unsigned>& worker_cores) {
    const std::vector<unsigned>& cores = own_cores();
    for (const unsigned core : cores)
        if (std::find(worker_cores.begin(), worker_cores.end(), core) == worker_cores.end())
            return core;
    return cores.empty() ? 0 : cores.front();
}

}  // namespace usher
