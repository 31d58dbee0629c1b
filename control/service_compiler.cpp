// SPDX-License-Identifier: BSD-3-Clause
#include "control/service_compiler.hpp"

#include <algorithm>

#include "schedulers/registry.hpp"

namespace usher {

namespace {

void name(Service& service, const ServiceKey& key) {
    service.mark = key.fwmark;
    service.address = key.address.v4();
    service.port = Be16::from_host(key.port);
    service.protocol = static_cast<std::uint8_t>(key.protocol);
}

Be32 mask_of(unsigned bits) {
    return Be32::from_host(bits == 0 ? 0 : ~std::uint32_t{0} << (32 - bits));
}

}  // namespace

// Both lists are in the order of the keys: one walk over the two.
Result<CompiledServices> ServiceCompiler::compile(const DesiredState& desired, std::uint32_t now) {
    next_.clear();
    next_.reserve(desired.services.size());
    next_vs_ = desired.vs;
    const bool same_settings = vs_.lblc_expiration == desired.vs.lblc_expiration &&
                               vs_.lblcr_expiration == desired.vs.lblcr_expiration;
    auto known = current_.begin();
    for (const auto& [key, service] : desired.services) {
        while (known != current_.end() && known->key < key)
            ++known;
        const Compiled* before = known != current_.end() && known->key == key ? &*known : nullptr;
        if (before != nullptr && same_settings && !before->slow_start.growing() &&
            *before->source == service) {
            next_.push_back(*before);
            continue;
        }
        auto built = build(key, service, desired.vs, before, now);
        if (!built) return tl::unexpected(built.error());
        next_.push_back(std::move(*built));
    }
    return assemble();
}

void ServiceCompiler::commit() {
    current_ = std::move(next_);
    next_.clear();
    vs_ = next_vs_;
    growing_ = std::any_of(current_.begin(), current_.end(),
                           [](const Compiled& each) { return each.slow_start.growing(); });
}

Result<ServiceCompiler::Compiled> ServiceCompiler::build(const ServiceKey& key,
                                                         const DesiredService& desired,
                                                         const VsSettings& vs,
                                                         const Compiled* before,
                                                         std::uint32_t now) {
    const SchedulerKind* kind = find_scheduler(desired.options.scheduler);
    if (kind == nullptr)
        return fail(Errc::no_such_entry, "there is no scheduler " + desired.options.scheduler);
    const bool same = before != nullptr && before->source->created == desired.created;
    Compiled built;
    built.key = key;
    built.source = same && *before->source == desired
                       ? before->source
                       : std::make_shared<const DesiredService>(desired);
    if (same) built.slow_start = SlowStart(before->slow_start, before->source.get(), desired, now);

    auto service = lay_out(key, desired);
    if (!service) return tl::unexpected(service.error());
    Scheduler::Servers scheduled;
    scheduled.reserve(desired.servers.size());
    for (std::size_t i = 0; i < desired.servers.size(); ++i) {
        const DesiredServer& server = desired.servers[i];
        scheduled.push_back({built.slow_start.weight(server, now), (*service)->servers()[i].slot,
                             server.key.address, server.key.port});
    }
    SchedulerOptions options;
    options.fallback = desired.options.flags & kFlagSched1;
    options.port = desired.options.flags & kFlagSched2;
    options.lblc_expiration = vs.lblc_expiration;
    options.lblcr_expiration = vs.lblcr_expiration;
    (*service)->scheduler = kind->make(std::move(scheduled), options);
    set_cursor(**service, desired, same ? before : nullptr);
    built.service = std::move(*service);
    return built;
}

Result<std::shared_ptr<Service>> ServiceCompiler::lay_out(const ServiceKey& key,
                                                          const DesiredService& desired) {
    std::vector<Service::Server> servers;
    servers.reserve(desired.servers.size());
    SlotBook::Services::value_type* place =
        desired.servers.empty() ? nullptr : &slots_.service(key);
    for (const DesiredServer& server : desired.servers) {
        const auto slot = slots_.assign(*place, server.key);
        if (!slot)
            return fail(Errc::no_space, "there are " + std::to_string(kNobodysSlot) +
                                            " real servers already, and no room for more");
        servers.push_back({server.key.address.v4(), Be16::from_host(server.key.port), *slot});
    }
    auto service = Service::make(servers);
    name(*service, key);
    service->one_packet = desired.options.flags & kFlagOnePacket;
    service->persistence = seconds(desired.options.persistence);
    service->client_mask = mask_of(desired.options.persistence_bits);
    service->timeout_class = timeout_class(desired.options.idle_timeout);
    return service;
}

void ServiceCompiler::set_cursor(Service& service, const DesiredService& desired,
                                 const Compiled* before) {
    std::uint64_t cursor =
        before == nullptr ? service.scheduler->grown_cursor() : service.scheduler->first_cursor();
    if (before != nullptr && before->source->options.scheduler == desired.options.scheduler) {
        const std::uint64_t now = before->service->cursor.load(std::memory_order_relaxed);
        service.scheduler->inherit(*before->service->scheduler);
        const bool same_servers = before->source->servers_changed == desired.servers_changed &&
                                  !before->slow_start.growing();
        cursor = same_servers ? now : service.scheduler->carry(*before->service->scheduler, now);
    }
    service.cursor.store(cursor, std::memory_order_relaxed);
}

std::uint16_t ServiceCompiler::timeout_class(std::uint32_t idle_timeout) {
    if (idle_timeout == 0) return 0;
    const auto known = std::find(timeout_classes_.begin(), timeout_classes_.end(), idle_timeout);
    if (known == timeout_classes_.end()) {
        if (timeout_classes_.size() == 0xffff) return 0xffff;
        timeout_classes_.push_back(idle_timeout);
        return static_cast<std::uint16_t>(timeout_classes_.size());
    }
    return static_cast<std::uint16_t>(known - timeout_classes_.begin() + 1);
}

// Services that are deleted and still have connections, unless they were the last ones: theirs are
// dropped by the workers, in silence; IPVS lets go of the network only with its last service.
void ServiceCompiler::add_closed(ServiceTable::List& list) const {
    if (next_.empty()) return;
    auto known = next_.begin();
    for (const auto& [key, servers] : slots_.held()) {
        while (known != next_.end() && known->key < key)
            ++known;
        if ((known != next_.end() && known->key == key) || key.fwmark != 0) continue;
        auto service = Service::make({});
        name(*service, key);
        service->closed = true;
        list.push_back(std::move(service));
    }
}

CompiledServices ServiceCompiler::assemble() const {
    CompiledServices result;
    ServiceTable::List list;
    list.reserve(next_.size());
    std::size_t count = 0;
    for (const Compiled& each : next_)
        count += each.service->servers().size() * (each.service->mark != 0 ? 2 : 1);
    auto endpoints = std::make_shared<RealServers>(count);
    for (const Compiled& each : next_) {
        const Service& service = *each.service;
        list.push_back(each.service);
        const std::span servers = service.servers();
        for (std::size_t i = 0; i < servers.size(); ++i) {
            set_bit(result.deployed, servers[i].slot);
            if (each.source->servers[i].options.weight != 0)
                set_bit(result.weighted, servers[i].slot);
            const auto add = [&](std::uint8_t protocol) {
                endpoints->add(protocol, servers[i].address, servers[i].port);
            };
            if (service.mark == 0) {
                add(service.protocol);
            } else {
                add(static_cast<std::uint8_t>(Protocol::tcp));
                add(static_cast<std::uint8_t>(Protocol::udp));
            }
        }
    }
    add_closed(list);
    result.table = std::make_shared<ServiceTable>(std::move(list));
    result.servers = std::move(endpoints);
    result.own_timeouts = timeout_classes_;
    return result;
}

}  // namespace usher
