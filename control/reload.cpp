// SPDX-License-Identifier: BSD-3-Clause
#include "control/reload.hpp"

#include <map>
#include <set>
#include <utility>

#include "conf/vs_settings.hpp"

namespace usher {
namespace {

void add_service(std::vector<Change>& changes, const ServiceConfig& wanted) {
    changes.emplace_back(ServiceAdd{wanted.key, wanted.options});
    for (const ServerConfig& server : wanted.servers)
        changes.emplace_back(ServerAdd{wanted.key, server.key, server.options});
}

void change_servers(std::vector<Change>& changes, const DesiredService& running,
                    const ServiceConfig& wanted) {
    std::set<ServerKey> in_file;
    for (const ServerConfig& server : wanted.servers)
        in_file.insert(server.key);
    std::map<ServerKey, const ServerOptions*> now;
    for (const DesiredServer& server : running.servers) {
        now.emplace(server.key, &server.options);
        if (!in_file.contains(server.key))
            changes.emplace_back(ServerDelete{wanted.key, server.key});
    }
    for (const ServerConfig& server : wanted.servers) {
        const auto found = now.find(server.key);
        if (found == now.end())
            changes.emplace_back(ServerAdd{wanted.key, server.key, server.options});
        else if (*found->second != server.options)
            changes.emplace_back(ServerEdit{wanted.key, server.key, server.options});
    }
}

Result<DesiredState> applied(const DesiredState& running, const std::vector<Change>& changes,
                             const Rules& rules) {
    auto next = apply_all(running, changes, rules);
    if (next) return *std::move(next);
    const BatchError& refused = next.error();
    return fail(refused.error.code,
                describe(changes[refused.index]) + ": " + refused.error.message);
}

}  // namespace

std::vector<Change> reload_changes(const DesiredState& running,
                                   const std::vector<ServiceConfig>& file) {
    std::vector<Change> changes;
    std::set<ServiceKey> in_file;
    for (const ServiceConfig& service : file)
        in_file.insert(service.key);
    for (const auto& [key, service] : running.services)
        if (!in_file.contains(key)) changes.emplace_back(ServiceDelete{key});
    for (const ServiceConfig& wanted : file) {
        const auto found = running.services.find(wanted.key);
        if (found == running.services.end()) {
            add_service(changes, wanted);
            continue;
        }
        if (found->second.options != wanted.options)
            changes.emplace_back(ServiceEdit{wanted.key, wanted.options});
        change_servers(changes, found->second, wanted);
    }
    return changes;
}

std::vector<Change> reload_changes(const DesiredState& running, const Config& file) {
    std::vector<Change> changes;
    if (file.timeouts != running.timeouts) changes.emplace_back(TimeoutSet{file.timeouts});
    for (const VsSetting& setting : vs_settings())
        if (file.vs.*setting.value != running.vs.*setting.value)
            changes.emplace_back(VsSet{std::string(setting.name), file.vs.*setting.value});
    if (file.marks != running.marks) changes.emplace_back(MarksSet{file.marks});
    if (file.masquerade != running.masquerade) changes.emplace_back(MasqueradeSet{file.masquerade});
    if (file.other != running.other) changes.emplace_back(OtherSet{file.other});
    for (Change& change : reload_changes(running, file.services))
        changes.push_back(std::move(change));
    return changes;
}

Result<DesiredState> reload(const DesiredState& running, const std::vector<ServiceConfig>& file,
                            const Rules& rules) {
    return applied(running, reload_changes(running, file), rules);
}

Result<DesiredState> reload(const DesiredState& running, const Config& file, const Rules& rules) {
    return applied(running, reload_changes(running, file), rules);
}

// A key that is added and forgotten here is one that wants a restart.
bool needs_restart(const Config& started, Config file) {
    file.timeouts = started.timeouts;
    file.vs = started.vs;
    file.marks = started.marks;
    file.masquerade = started.masquerade;
    file.other = started.other;
    file.log = started.log;
    file.services = started.services;
    return file != started;
}

std::vector<ServiceConfig> as_written(const DesiredState& running) {
    std::vector<ServiceConfig> file;
    file.reserve(running.services.size());
    for (const auto& [key, service] : running.services)
        file.push_back({key, service.options, {service.servers.rbegin(), service.servers.rend()}});
    return file;
}

}  // namespace usher
