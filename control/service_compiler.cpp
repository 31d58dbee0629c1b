// SPDX-License-Identifier: BSD-3-Clause
#include "control/service_compiler.hpp"

#include "schedulers/registry.hpp"

namespace usher {

Result<CompiledServices> ServiceCompiler::compile(const DesiredState& desired) {
    next_.clear();
    CompiledServices result;
    ServiceTable::List list;
    for (const auto& [key, service] : desired.services) {
        const auto known = current_.find(key);
        const Compiled* before = known == current_.end() ? nullptr : &known->second;
        if (before != nullptr && before->source == service) {
            next_.emplace(key, *before);
            list.push_back(before->service);
            continue;
        }
        auto built = build(key, service);
        if (!built) return tl::unexpected(built.error());
        set_cursor(**built, service, before);
        next_.emplace(key, Compiled{service, *built});
        list.push_back(*built);
    }
    for (const auto& service : list)
        for (const Service::Server& server : service->servers)
            result.deployed.insert(server.slot);
    if (!result.deployed.empty()) result.deployed_bits.resize(*result.deployed.rbegin() / 64 + 1);
    for (const ServerSlot slot : result.deployed)
        result.deployed_bits[slot / 64] |= std::uint64_t{1} << (slot % 64);
    result.table = std::make_shared<ServiceTable>(std::move(list));
    return result;
}

Result<std::shared_ptr<Service>> ServiceCompiler::build(const ServiceKey& key,
                                                        const DesiredService& desired) {
    const SchedulerKind* kind = find_scheduler(desired.options.scheduler);
    if (kind == nullptr)
        return fail(Errc::no_such_entry, "there is no scheduler " + desired.options.scheduler);
    auto service = std::make_shared<Service>();
    service->address = key.address.v4();
    service->port = Be16::from_host(key.port);
    service->protocol = static_cast<std::uint8_t>(key.protocol);
    Scheduler::Servers scheduled;
    for (const DesiredServer& server : desired.servers) {
        const auto slot = slots_.assign({key, server.key});
        if (!slot)
            return fail(Errc::no_space, "there are " + std::to_string(kMaxServers) +
                                            " real servers already, and no room for more");
        service->servers.push_back(
            {server.key.address.v4(), Be16::from_host(server.key.port), *slot});
        scheduled.push_back({server.options.weight, *slot, server.key.address, server.key.port});
    }
    service->scheduler = kind->make(std::move(scheduled));
    return service;
}

void ServiceCompiler::set_cursor(Service& service, const DesiredService& desired,
                                 const Compiled* before) {
    std::uint64_t cursor = service.scheduler->first_cursor();
    if (before != nullptr && before->source.created == desired.created &&
        before->source.options.scheduler == desired.options.scheduler) {
        const std::uint64_t now = before->service->cursor.value.load(std::memory_order_relaxed);
        const bool same_servers = before->source.servers_changed == desired.servers_changed;
        cursor = same_servers ? now : service.scheduler->carry(*before->service->scheduler, now);
    }
    service.cursor.value.store(cursor, std::memory_order_relaxed);
}

}  // namespace usher
