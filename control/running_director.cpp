// SPDX-License-Identifier: BSD-3-Clause
#include "control/running_director.hpp"

#include <algorithm>

#include "control/defence.hpp"
#include "control/log.hpp"
#include "control/reload.hpp"
#include "control/timeout_ticks.hpp"
#include "control/trace_log.hpp"
#include "schedulers/registry.hpp"

namespace usher {

namespace {

constexpr int kRequestsATime = 64;  // each is a question to the kernel, and its answer

void set_threshold(DataPlane& plane, ServerSlot slot, const ServerOptions& options) {
    ServerLoad& load = plane.loads[slot];
    const std::uint32_t upper = options.upper_threshold;
    const bool raised = upper == 0 || upper > load.upper.load(std::memory_order_relaxed);
    load.upper.store(upper, std::memory_order_relaxed);
    load.lower.store(options.lower_threshold, std::memory_order_relaxed);
    if (raised && load.overloaded.exchange(0, std::memory_order_seq_cst) != 0)
        note_fall(plane.loads.data(), slot);
}

// Servers have gone.
bool has_lost(const SlotBits& from, const SlotBits& to) {
    for (std::size_t word = 0; word < from.size(); ++word)
        if ((from[word] & ~(word < to.size() ? to[word] : 0)) != 0) return true;
    return false;
}

}  // namespace

RunningDirector::RunningDirector(DirectorParts parts, Config config, std::string config_path,
                                 ReadAgain read)
    : parts_(std::move(parts)),
      config_(std::move(config)),
      file_(config_),
      config_path_(std::move(config_path)),
      read_again_(std::move(read)),
      rules_{scheduler_exists, [this](std::string_view name) { return has_interface(name); },
             [this](const IpAddress& address) { return is_own_address(address); }},
      slots_(parts_.plane),
      compiler_(slots_),
      statistics_(slots_, [this](ServerSlot slot) { return read_slot(slot); }),
      planner_(parts_.interfaces, config_),
      outside_(parts_.plane.ports) {
    plan_network();
}

// Of the file, so that one which is saved can be read again: under a VLAN is an interface that may
// not be in it. And one that runs: the file may have been reloaded with another one.
bool RunningDirector::has_interface(std::string_view name) const {
    const auto is_it = [&](const auto& each) { return each.name == name; };
    return std::any_of(parts_.interfaces.begin(), parts_.interfaces.end(), is_it) &&
           std::any_of(file_.interfaces.begin(), file_.interfaces.end(), is_it);
}

Result<void> RunningDirector::begin() {
    if (parts_.kernel != nullptr) vlan_watch_.follow(parts_.interfaces, parts_.kernel->network());
    auto first = reload(desired_, config_, rules_);
    if (!first) return tl::unexpected(first.error());
    return publish(std::move(*first));
}

Result<void> RunningDirector::publish(DesiredState next) {
    auto compiled = compiler_.compile(next, now_in_seconds());
    if (!compiled) return tl::unexpected(compiled.error());
    if (auto done = set_masquerade(next); !done) {
        static_cast<void>(set_masquerade(desired_));
        return done;
    }
    set_thresholds(desired_, next);
    if (next.vs.expire_nodest_conn != 0 && has_lost(services_.deployed, compiled->deployed))
        ++nodest_flush_;
    put_in_force(*compiled, next);
    if (auto steered = steer(next); !steered) {  // the kernel's maps are full
        set_thresholds(next, desired_);
        static_cast<void>(set_masquerade(desired_));
        republish();
        static_cast<void>(steer(desired_));  // some interfaces may have taken it
        return steered;
    }
    compiler_.commit();
    desired_ = std::move(next);
    services_ = std::move(*compiled);
    release_slots();
    statistics_.follow(desired_);
    want_neighbours();
    log_debug(kDebugControl, "snapshot {}: {} services", desired_.revision,
              desired_.services.size());
    return {};
}

void RunningDirector::put_in_force(const CompiledServices& services, const DesiredState& desired) {
    auto snapshot = std::make_unique<Snapshot>();
    snapshot->services = services.tables;
    snapshot->servers = services.servers;
    snapshot->marks = mark_rules(desired.marks);
    snapshot->marks_of_own = marks_of_own_;
    snapshot->mss_clamps = services.mss_clamps;
    snapshot->masquerade = masquerade_;
    snapshot->masquerade_timeouts = masquerade_timeout_ticks(desired.timeouts);
    snapshot->masqueraded_query_timeouts = masqueraded_query_timeout_ticks(desired.timeouts);
    snapshot->deployed = services.deployed;
    snapshot->weighted = services.weighted;
    // Masqueraded connections are of no server, and good for as long as there are rules.
    if (!masquerade_->empty()) {
        set_bit(snapshot->deployed, kNobodysSlot);
        set_bit(snapshot->weighted, kNobodysSlot);
    }
    snapshot->network = network_;
    snapshot->timeouts = timeout_ticks(desired.timeouts);
    snapshot->own_timeouts = own_timeout_ticks(desired.timeouts, services.own_timeouts);
    snapshot->policy = policy_of(desired.vs, pressure_);
    snapshot->nodest_flush = nodest_flush_;
    snapshot->policy.others_to_linux = desired.other == OtherTraffic::kernel;
    if (is_on(desired.vs.secure_tcp, pressure_)) snapshot->tcp = &kSecureNextState;
    snapshot->debug = trace_areas(log_settings());
    parts_.plane.publish(std::move(snapshot));
}

// Compiled anew only when they have changed. A rule of an interface that is not ours matches
// nothing and is left out.
std::shared_ptr<const MarkRules> RunningDirector::mark_rules(const std::vector<MarkRule>& rules) {
    if (rules == marks_source_) return marks_;
    std::vector<MarkRanges> ranges;
    for (const MarkRule& rule : rules) {
        std::optional<PortIndex> port;
        for (std::size_t i = 0; i < parts_.interfaces.size(); ++i)
            if (parts_.interfaces[i].name == rule.interface) port = static_cast<PortIndex>(i);
        if (!port && !rule.interface.empty()) continue;
        ranges.push_back({rule.mark, rule.family, port, rule.protocol, rule.source,
                          rule.destination, rule.source_ports.first, rule.source_ports.last,
                          rule.destination_ports.first, rule.destination_ports.last});
    }
    marks_ = std::make_shared<MarkRules>(ranges);
    std::erase_if(ranges, [](const MarkRanges& rule) {
        return !rule.destination || rule.destination->length == 0;
    });
    marks_of_own_ = std::make_shared<MarkRules>(ranges);
    marks_source_ = rules;
    return marks_;
}

void RunningDirector::republish() {
    put_in_force(services_, desired_);
}

// As IPVS on an edit: a threshold that is taken away or raised makes a server available at once;
// one that is lowered is looked at when the next connection is bound.
void RunningDirector::set_thresholds(const DesiredState& from, const DesiredState& to) {
    auto running = from.services.begin();
    for (const auto& [key, service] : to.services) {
        while (running != from.services.end() && running->first < key)
            ++running;
        if (running != from.services.end() && running->first == key &&
            running->second.servers_changed == service.servers_changed)
            continue;
        for (const DesiredServer& server : service.servers)
            if (const auto slot = slots_.find({key, server.key}))
                set_threshold(parts_.plane, *slot, server.options);
    }
}

void RunningDirector::on_housekeeping() {
    for (Worker* worker : parts_.workers) {
        NeighbourRequest request{};
        for (int i = 0; i < kRequestsATime && worker->neighbours().take_request(request); ++i) {
            if (parts_.kernel == nullptr || request.port >= parts_.interfaces.size()) continue;
            const IpAddress& address = request.address;
            log_debug(kDebugNeighbour, "worker {} asks for {}", worker->id(), address.to_string());
            const unsigned ifindex = parts_.interfaces[request.port].ifindex;
            note_unasked(parts_.kernel->request_neighbour(ifindex, address));
        }
        log_traces(worker->trace(), slots_);
    }
}

void RunningDirector::on_second() {
    sample_loads();
    neighbour_log_.on_second();
    if (parts_.kernel != nullptr) {
        if (parts_.kernel->is_behind()) on_kernel_news();
        note_unasked(parts_.kernel->refresh(neighbours_in_use_));
    }
    release_slots();
    watch_pressure();
    watch_outside();
    if (compiler_.growing() || closed_is_over_) compile_again();
}

void RunningDirector::sample_loads() {
    std::vector<const WorkerCounters*> counters;
    for (const Worker* worker : parts_.workers)
        counters.push_back(&worker->counters());
    loads_.sample(counters);
}

// Servers in their slow start get their next weights; services that were closed until their last
// connection was over go. Nothing else has changed.
void RunningDirector::compile_again() {
    auto compiled = compiler_.compile(desired_, now_in_seconds());
    if (!compiled) return;
    services_ = std::move(*compiled);
    republish();
    compiler_.commit();
    closed_is_over_ = false;
}

// What drop_entry, drop_packet and secure_tcp go by in their automatic modes: IPVS looks at free
// memory once a second, we look at the room in the connection table.
void RunningDirector::watch_pressure() {
    const VsSettings& vs = desired_.vs;
    const bool automatic =
        is_automatic(vs.drop_entry) || is_automatic(vs.drop_packet) || is_automatic(vs.secure_tcp);
    const Pressure now = automatic ? Pressure::of(connections_counted(), table_size()) : Pressure();
    if (now == pressure_) return;
    pressure_ = now;
    republish();
}

std::uint64_t RunningDirector::connections_counted() const {
    const auto all_of = [&](ServerSlot slot) {
        const ServerLoad& load = parts_.plane.loads[slot];
        return std::int64_t{load.active.load(std::memory_order_relaxed)} +
               load.inactive.load(std::memory_order_relaxed) +
               load.persistent.load(std::memory_order_relaxed);
    };
    std::int64_t count = all_of(kNobodysSlot);  // masqueraded
    for (const auto& [service, servers] : slots_.held())
        for (const auto& [server, slot] : servers)
            count += all_of(slot);
    return count > 0 ? static_cast<std::uint64_t>(count) : 0;
}

// Deleted servers without connections: nobody counts for them, and nothing is steered for them.
void RunningDirector::release_slots() {
    const auto released = slots_.release(services_.deployed);
    for (const auto& [owner, slot] : released) {
        statistics_.released(owner, slot);
        closed_is_over_ |= !desired_.services.contains(owner.first);
    }
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
    auto next = reload(desired_, *config, rules_);
    if (!next) return tl::unexpected(next.error());
    if (auto published = publish(std::move(*next)); !published) return published;
    change_log(config->log);
    file_ = *config;
    if (needs_restart(config_, *config))
        log_warning(
            "interfaces, workers, the connection table, [fragments], the control socket, static "
            "neighbours and routes are read at start only: restart usherd for those");
    log_notice("configuration reloaded: {} services", desired_.services.size());
    return {};
}

void RunningDirector::change_log(const LogConfig& config) {
    set_log(config);
    republish();
}

}  // namespace usher
