// SPDX-License-Identifier: BSD-3-Clause
#include "control/running_director.hpp"

#include "control/log.hpp"
#include "control/reload.hpp"
#include "control/trace_log.hpp"
#include "schedulers/registry.hpp"

namespace usher {

namespace {

const KernelNetwork kNoKernel;
constexpr int kRequestsATime = 64;  // each is a question to the kernel, and its answer

StateTimeouts in_ticks(const Timeouts& timeouts) {
    StateTimeouts ticks = state_timeouts(timeouts.tcp, timeouts.tcp_fin, timeouts.udp);
    for (std::uint32_t& value : ticks)
        value = seconds(value);
    return ticks;
}

}  // namespace

RunningDirector::RunningDirector(DirectorParts parts, Config config, std::string config_path,
                                 ReadAgain read)
    : parts_(std::move(parts)),
      config_(std::move(config)),
      file_(config_),
      config_path_(std::move(config_path)),
      read_again_(std::move(read)),
      rules_{scheduler_exists},
      slots_(parts_.plane),
      compiler_(slots_),
      statistics_(slots_, [this](ServerSlot slot) { return read_slot(slot); }),
      planner_(parts_.interfaces, config_) {
    desired_.timeouts = config_.timeouts;
    plan_network();
}

Result<void> RunningDirector::begin() {
    auto first = reload(desired_, config_.services, rules_);
    if (!first) return tl::unexpected(first.error());
    return publish(std::move(*first));
}

Result<void> RunningDirector::publish(DesiredState next) {
    auto compiled = compiler_.compile(next);
    if (!compiled) return tl::unexpected(compiled.error());
    put_in_force(compiled->table, compiled->deployed_bits, next.timeouts);
    if (auto steered = steer(next); !steered) {  // the kernel's maps are full
        republish();
        static_cast<void>(steer(desired_));  // some interfaces may have taken it
        return steered;
    }
    compiler_.commit();
    desired_ = std::move(next);
    services_ = compiled->table;
    deployed_ = std::move(compiled->deployed);
    deployed_bits_ = std::move(compiled->deployed_bits);
    release_slots();
    statistics_.follow(desired_);
    want_neighbours();
    log_debug(kDebugControl, "snapshot {}: {} services, {} servers", desired_.revision,
              desired_.services.size(), deployed_.size());
    return {};
}

void RunningDirector::put_in_force(std::shared_ptr<const ServiceTable> services,
                                   std::vector<std::uint64_t> deployed, const Timeouts& timeouts) {
    auto snapshot = std::make_unique<Snapshot>();
    snapshot->services = std::move(services);
    snapshot->deployed = std::move(deployed);
    snapshot->network = network_;
    snapshot->timeouts = in_ticks(timeouts);
    snapshot->debug = trace_areas(log_settings());
    parts_.plane.publish(std::move(snapshot));
}

void RunningDirector::republish() {
    put_in_force(services_, deployed_bits_, desired_.timeouts);
}

// Answers of servers that are deleted but still have connections go to the workers, too.
Result<void> RunningDirector::steer(const DesiredState& desired) {
    if (parts_.steering.empty()) return {};
    SteeringSet wanted;
    for (const auto& [key, service] : desired.services)
        wanted.services.push_back({key.protocol, key.address, key.port});
    for (const auto& [owner, slot] : slots_.held())
        wanted.servers.push_back({owner.first.protocol, owner.second.address, owner.second.port});
    for (const KernelAddress& address : parts_.kernel->network().addresses)
        wanted.local_addresses.push_back(address.address);
    for (const auto& [ifindex, link] : parts_.kernel->network().links)
        wanted.local_macs.push_back(link.mac);
    for (Steering& interface : parts_.steering)
        if (auto updated = interface.update(wanted); !updated) return updated;
    return {};
}

void RunningDirector::plan_network() {
    const KernelNetwork& kernel = parts_.kernel ? parts_.kernel->network() : kNoKernel;
    network_ = std::make_shared<Network>(planner_.plan(kernel));
}

void RunningDirector::on_kernel_news() {
    const auto changed = parts_.kernel->on_readable();
    if (!changed) {
        log_error("the kernel's network cannot be read: {}", changed.error().message);
        return;
    }
    if (!*changed) return;
    plan_network();
    republish();
    if (const auto steered = steer(desired_); !steered)
        log_error("steering: {}", steered.error().message);
    want_neighbours();
}

// The next hops to all real servers: asked for before the first packet needs them.
void RunningDirector::want_neighbours() {
    if (parts_.kernel == nullptr) return;
    const KernelNetwork& kernel = parts_.kernel->network();
    std::set<NeighbourKey> in_use;
    for (const auto& [owner, slot] : slots_.held())
        if (const auto key = planner_.neighbour_of(kernel, owner.second.address))
            in_use.insert(*key);
    for (const KernelRoute& route : kernel.routes)
        for (const KernelNextHop& next : route.next_hops)
            if (next.gateway) in_use.insert({next.ifindex, *next.gateway});
    for (const NeighbourKey& key : in_use)
        if (!neighbours_in_use_.contains(key)) {
            log_debug(kDebugNeighbour, "asking for {}", key.address.to_string());
            static_cast<void>(parts_.kernel->request_neighbour(key.ifindex, key.address));
        }
    neighbours_in_use_ = std::move(in_use);
}

void RunningDirector::on_housekeeping() {
    for (Worker* worker : parts_.workers) {
        NeighbourRequest request{};
        for (int i = 0; i < kRequestsATime && worker->neighbours().take_request(request); ++i) {
            if (parts_.kernel == nullptr || request.port >= parts_.interfaces.size()) continue;
            const IpAddress address(request.address);
            log_debug(kDebugNeighbour, "worker {} asks for {}", worker->id(), address.to_string());
            const unsigned ifindex = parts_.interfaces[request.port].ifindex;
            static_cast<void>(parts_.kernel->request_neighbour(ifindex, address));
        }
        log_traces(worker->trace(), slots_);
    }
}

void RunningDirector::on_second() {
    if (parts_.kernel != nullptr) static_cast<void>(parts_.kernel->refresh(neighbours_in_use_));
    release_slots();
}

// Deleted servers without connections: nobody counts for them, and nothing is steered for them.
void RunningDirector::release_slots() {
    const auto released = slots_.release(deployed_);
    for (const auto& [owner, slot] : released)
        statistics_.released(owner, slot);
    if (released.empty()) return;
    if (const auto steered = steer(desired_); !steered)
        log_error("steering: {}", steered.error().message);
}

void RunningDirector::zero_stats(const std::optional<ServiceKey>& service) {
    statistics_.zero(service);
}

Result<void> RunningDirector::reload_config() {
    auto config = read_again_();
    if (!config) return tl::unexpected(config.error());
    auto next = reload(desired_, config->services, rules_);
    if (!next) return tl::unexpected(next.error());
    if (next->timeouts != config->timeouts) ++next->revision;
    next->timeouts = config->timeouts;
    if (auto published = publish(std::move(*next)); !published) return published;
    change_log(config->log);
    file_ = *config;
    const bool fixed_differs =
        config->interfaces != config_.interfaces || config->worker_cores != config_.worker_cores ||
        config->connection_table_bits != config_.connection_table_bits ||
        config->control != config_.control || config->neighbours != config_.neighbours ||
        config->routes != config_.routes;
    if (fixed_differs)
        log_warning(
            "interfaces, workers, the connection table, the control socket, static "
            "neighbours and routes are read at start only: restart usherd for those");
    log_notice("configuration reloaded: {} services", desired_.services.size());
    return {};
}

void RunningDirector::change_log(const LogConfig& config) {
    set_log(config);
    republish();
}

}  // namespace usher
