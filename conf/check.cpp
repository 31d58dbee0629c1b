// SPDX-License-Identifier: BSD-3-Clause
#include "conf/check.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace usher {
namespace {

template <class T>
bool contains(const std::vector<T>& values, const T& value) {
    return std::find(values.begin(), values.end(), value) != values.end();
}

void check_interfaces(const ReadConfig& read, const MachineFacts& facts, ConfigErrors& errors) {
    const auto& interfaces = read.config.interfaces;
    if (interfaces.empty()) errors.add({1, 1}, "expected at least one [[interface]]");
    for (std::size_t i = 0; i < interfaces.size(); ++i) {
        const bool kernel_owns = interfaces[i].attach == AttachKind::af_xdp;
        if (!kernel_owns || contains(facts.interfaces, interfaces[i].name)) continue;
        errors.add(read.source.interfaces[i],
                   fmt::format("no interface \"{}\" on this machine; expected one of {}",
                               interfaces[i].name, fmt::join(facts.interfaces, ", ")));
    }
}

void check_cores(const ReadConfig& read, const MachineFacts& facts, ConfigErrors& errors) {
    for (std::size_t i = 0; i < read.config.worker_cores.size(); ++i) {
        if (contains(facts.cores, read.config.worker_cores[i])) continue;
        errors.add(read.source.cores[i],
                   fmt::format("no core {} that this process may use; expected one of {}",
                               read.config.worker_cores[i], fmt::join(facts.cores, ", ")));
    }
}

void check_services(const ReadConfig& read, const MachineFacts& facts, ConfigErrors& errors) {
    for (std::size_t i = 0; i < read.config.services.size(); ++i) {
        const std::string& scheduler = read.config.services[i].options.scheduler;
        if (contains(facts.schedulers, scheduler)) continue;
        errors.add(read.source.services[i].scheduler,
                   fmt::format("no scheduler \"{}\"; expected one of {}", scheduler,
                               fmt::join(facts.schedulers, ", ")));
    }
}

}  // namespace

std::vector<ConfigError> check_config(const ReadConfig& read, const MachineFacts& facts) {
    ConfigErrors errors(read.source.file);
    check_interfaces(read, facts, errors);
    check_cores(read, facts, errors);
    const std::string& group = read.config.control.group;
    if (!group.empty() && !contains(facts.groups, group))
        errors.add(read.source.group, fmt::format("no group \"{}\" on this machine", group));
    check_services(read, facts, errors);
    return errors.take_sorted();
}

}  // namespace usher
