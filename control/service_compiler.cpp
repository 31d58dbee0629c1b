// SPDX-License-Identifier: BSD-3-Clause
#include "control/service_compiler.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "schedulers/registry.hpp"

namespace usher {

namespace {

template <Family F>
void name(Service<F>& service, const ServiceKey& key) {
    service.mark = key.fwmark;
    service.address = wire_address<F>(key.address);
    service.port = Be16::from_host(key.port);
    service.protocol = static_cast<std::uint8_t>(key.protocol);
}

template <Family F>
AddressOf<F> mask_of(unsigned bits) {
    constexpr unsigned kBits = 8 * sizeof(AddressOf<F>);
    std::array<std::uint8_t, sizeof(AddressOf<F>)> bytes{};
    for (unsigned bit = 0; bit < std::min(bits, kBits); ++bit)
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | 0x80U >> bit % 8);
    AddressOf<F> mask;
    std::memcpy(&mask, bytes.data(), sizeof mask);
    return mask;
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
    if (find_scheduler(desired.options.scheduler) == nullptr)
        return fail(Errc::no_such_entry, "there is no scheduler " + desired.options.scheduler);
    const bool same = before != nullptr && before->source->created == desired.created;
    Compiled built;
    built.key = key;
    built.source = same && *before->source == desired
                       ? before->source
                       : std::make_shared<const DesiredService>(desired);
    if (same) {
        built.slow_start = SlowStart(before->slow_start, before->source.get(), desired, now);
        built.last_weights = last_weights(*before, desired);
    }

    const auto done =
        key.address.is_ipv4()
            ? build_service<Family::ipv4>(built, desired, vs, same ? before : nullptr, now)
            : build_service<Family::ipv6>(built, desired, vs, same ? before : nullptr, now);
    if (!done) return tl::unexpected(done.error());
    return built;
}

ServiceCompiler::LastWeights ServiceCompiler::last_weights(const Compiled& before,
                                                           const DesiredService& now) {
    LastWeights last;
    for (const DesiredServer& server : now.servers)
        if (server.options.weight == 0) last.emplace(server.key, 0);
    if (last.empty()) return last;
    for (const DesiredServer& was : before.source->servers) {
        const auto quiesced = last.find(was.key);
        if (quiesced == last.end()) continue;
        const auto known = before.last_weights.find(was.key);
        quiesced->second = was.options.weight != 0              ? was.options.weight
                           : known != before.last_weights.end() ? known->second
                                                                : 0;
    }
    return last;
}

template <Family F>
Result<void> ServiceCompiler::build_service(Compiled& built, const DesiredService& desired,
                                            const VsSettings& vs, const Compiled* before,
                                            std::uint32_t now) {
    auto service = lay_out<F>(built.key, desired);
    if (!service) return tl::unexpected(service.error());
    Scheduler::Servers scheduled;
    scheduled.reserve(desired.servers.size());
    for (std::size_t i = 0; i < desired.servers.size(); ++i) {
        const DesiredServer& server = desired.servers[i];
        const auto last = built.last_weights.find(server.key);
        scheduled.push_back(
            {built.slow_start.weight(server, now), (*service)->servers()[i].slot,
             server.key.address, server.key.port,
             last == built.last_weights.end() ? 0 : built.slow_start.scaled(last->second)});
    }
    SchedulerOptions options;
    options.fallback = desired.options.flags & kFlagSched1;
    options.port = desired.options.flags & kFlagSched2;
    options.lblc_expiration = vs.lblc_expiration;
    options.lblcr_expiration = vs.lblcr_expiration;
    const SchedulerKind* kind = find_scheduler(desired.options.scheduler);
    (*service)->scheduler = kind->make(std::move(scheduled), options);
    set_cursor(**service, desired, before);
    built.service = Shared<F>(std::move(*service));
    return {};
}

template <Family F>
Result<std::shared_ptr<Service<F>>> ServiceCompiler::lay_out(const ServiceKey& key,
                                                             const DesiredService& desired) {
    std::vector<typename Service<F>::Server> servers;
    servers.reserve(desired.servers.size());
    SlotBook::Services::value_type* place =
        desired.servers.empty() ? nullptr : &slots_.service(key);
    for (const DesiredServer& server : desired.servers) {
        const auto slot = slots_.assign(*place, server.key);
        if (!slot)
            return fail(Errc::no_space, "there are " + std::to_string(kNobodysSlot) +
                                            " real servers already, and no room for more");
        servers.push_back(
            {wire_address<F>(server.key.address), Be16::from_host(server.key.port), *slot});
    }
    auto service = Service<F>::make(servers);
    name(*service, key);
    service->one_packet = desired.options.flags & kFlagOnePacket;
    service->persistence = seconds(desired.options.persistence);
    service->client_mask = mask_of<F>(desired.options.persistence_bits);
    service->timeout_class = timeout_class(desired.options.idle_timeout);
    service->ftp = !desired.options.ftp   ? FtpHelper::on_its_port
                   : *desired.options.ftp ? FtpHelper::on
                                          : FtpHelper::off;
    service->ftp_third_party = desired.options.ftp_third_party;
    return service;
}

template <Family F>
void ServiceCompiler::set_cursor(Service<F>& service, const DesiredService& desired,
                                 const Compiled* before) {
    std::uint64_t cursor =
        before == nullptr ? service.scheduler->grown_cursor() : service.scheduler->first_cursor();
    if (before != nullptr && before->source->options.scheduler == desired.options.scheduler) {
        const Service<F>& old = *std::get<Shared<F>>(before->service);
        const std::uint64_t now = old.cursor.load(std::memory_order_relaxed);
        service.scheduler->inherit(*old.scheduler);
        const bool same_servers = before->source->servers_changed == desired.servers_changed &&
                                  !before->slow_start.growing();
        cursor = same_servers ? now : service.scheduler->carry(*old.scheduler, now);
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
// dropped by the workers, in silence; IPVS lets go of a family with its last service. Not those
// whose first packets are another service's now, one of all ports. Who releases their last slot
// compiles again, or they would stay. `list` has the family's services that there are.
template <Family F>
void ServiceCompiler::add_closed(typename ServiceTable<F>::List& list) const {
    if (list.empty()) return;
    std::optional<ServiceTable<F>> open;
    auto known = next_.begin();
    for (const auto& [key, servers] : slots_.held()) {
        while (known != next_.end() && known->key < key)
            ++known;
        if ((known != next_.end() && known->key == key) || key.fwmark != 0) continue;
        if (key.address.family() != F) continue;
        auto service = Service<F>::make({});
        name(*service, key);
        service->closed = true;
        if (!open) open.emplace(list);
        if (open->find(service->protocol, service->address, service->port) != nullptr) continue;
        list.push_back(std::move(service));
    }
}

CompiledServices ServiceCompiler::assemble() const {
    CompiledServices result;
    add_family<Family::ipv4>(result);
    add_family<Family::ipv6>(result);
    result.own_timeouts = timeout_classes_;
    return result;
}

namespace {

// FTP's active data connections come from there; what of them is not expected is not masqueraded.
template <Family F>
void add_ftp_data(RealServers<F>& endpoints, std::uint16_t asked_for,
                  const typename Service<F>::Server& server) {
    const std::uint16_t control = server.port == Be16() ? asked_for : server.port.host();
    endpoints.add(static_cast<std::uint8_t>(Protocol::tcp), server.address,
                  Be16::from_host(static_cast<std::uint16_t>(control - 1)),
                  ServerRole(ServerRole::kFtpData));
}

}  // namespace

std::uint16_t ServiceCompiler::ftp_port_of(const Compiled& each) {
    return each.source->options.ftp_control_port(each.key);
}

template <Family F>
void ServiceCompiler::add_family(CompiledServices& result) const {
    std::vector<const Compiled*> mine;
    std::size_t count = 0;
    for (const Compiled& each : next_) {
        const auto* service = std::get_if<Shared<F>>(&each.service);
        if (service == nullptr) continue;
        mine.push_back(&each);
        // Of a mark, TCP, UDP and SCTP; and where FTP's data comes from.
        count += (*service)->servers().size() *
                 ((each.key.fwmark != 0 ? 3U : 1U) + (ftp_port_of(each) != 0 ? 1U : 0U));
    }
    typename ServiceTable<F>::List list;
    list.reserve(mine.size());
    auto endpoints = std::make_shared<RealServers<F>>(count);
    for (const Compiled* each : mine) {
        const Service<F>& service = *list.emplace_back(std::get<Shared<F>>(each->service));
        const std::span servers = service.servers();
        const std::uint16_t ftp = ftp_port_of(*each);
        for (std::size_t i = 0; i < servers.size(); ++i) {
            set_bit(result.deployed, servers[i].slot);
            if (each->source->servers[i].options.weight != 0)
                set_bit(result.weighted, servers[i].slot);
            if (const std::uint32_t clamp = each->source->options.mss_clamp; clamp != 0) {
                if (servers[i].slot >= result.mss_clamps.size())
                    result.mss_clamps.resize(servers[i].slot + 1);
                result.mss_clamps[servers[i].slot] =
                    clamp == kMssAuto ? kClampToPath : static_cast<std::uint16_t>(clamp);
            }
            const auto add = [&](std::uint8_t protocol) {
                const bool once =
                    service.one_packet && protocol == static_cast<std::uint8_t>(Protocol::udp);
                endpoints->add(protocol, servers[i].address, servers[i].port,
                               ServerRole(once ? ServerRole::kOnePacket : ServerRole::kServer));
            };
            if (ftp != 0) add_ftp_data<F>(*endpoints, ftp, servers[i]);
            if (service.mark == 0) {
                add(service.protocol);
            } else {
                add(static_cast<std::uint8_t>(Protocol::tcp));
                add(static_cast<std::uint8_t>(Protocol::udp));
                add(static_cast<std::uint8_t>(Protocol::sctp));
            }
        }
    }
    add_closed<F>(list);
    result.tables.template of<F>() = std::make_shared<ServiceTable<F>>(std::move(list));
    result.servers.template of<F>() = std::move(endpoints);
}

}  // namespace usher
