// SPDX-License-Identifier: BSD-3-Clause
// What RunningDirector tells: counts, connections, workers, ports, the configuration.
#include <rte_version.h>

#include <algorithm>

#include "conf/words.hpp"
#include "conf/write.hpp"
#include "control/log.hpp"
#include "control/reload.hpp"
#include "control/running_director.hpp"
#include "control/saved_file.hpp"

namespace usher {

namespace {

std::uint64_t count_of(const std::atomic<std::int32_t>& load) {
    const std::int32_t value = load.load(std::memory_order_relaxed);
    return value > 0 ? static_cast<std::uint64_t>(value) : 0;
}

const char* role_name(Role role) {
    switch (role) {
        case Role::external:
            return "external";
        case Role::internal:
            return "internal";
        case Role::both:
            return "both";
    }
    return "both";
}

template <Family F>
void set_ends(ConnectionRow& row, const Flow<F>& original, const Flow<F>& reply) {
    row.client = {IpAddress(original.source), original.source_port.host()};
    row.virtual_end = {IpAddress(original.destination), original.destination_port.host()};
    row.server = {IpAddress(reply.source), reply.source_port.host()};
}

ConnectionRow row_of(const ConnectionTable& table, ConnectionIndex index, Ticks now) {
    const Connection& connection = table[index];
    const std::uint32_t status = connection.status.load(std::memory_order_relaxed);
    // The clock shown is one worker's; another's may be a tick ahead.
    const auto since =
        static_cast<std::int32_t>(now - connection.last_seen.load(std::memory_order_relaxed));
    const Ticks idle = since > 0 ? static_cast<Ticks>(since) : 0;
    const Ticks timeout = connection.timeout.load(std::memory_order_relaxed);
    ConnectionRow row;
    row.protocol = protocol_of(connection.protocol);
    row.state = !(status & kTemplate) ? state_name(state_of(status))
                : (status & kAssured) ? "ASSURED"
                                      : "NONE";
    // A tick has begun: like IPVS, 899 s the moment after a 900 s timer was set.
    row.expires = timeout > idle ? (timeout - idle - 1) / kTicksPerSecond : 0;
    if (family_of(connection.protocol) == Family::ipv4)
        set_ends(row, connection.original, connection.reply);
    else
        set_ends(row, table.flow<Family::ipv6>(index, Direction::original),
                 table.flow<Family::ipv6>(index, Direction::reply));
    if (status & kAnyPort) row.client.port = 0;
    return row;
}

}  // namespace

Stats RunningDirector::read_slot(ServerSlot slot) const {
    Stats stats;
    for (const Worker* worker : parts_.workers) {
        const ServerCounters& counters = worker->server_counters(slot);
        stats.conns += counters.connections.read();
        stats.in_packets += counters.in_packets.read();
        stats.out_packets += counters.out_packets.read();
        stats.in_bytes += counters.in_bytes.read();
        stats.out_bytes += counters.out_bytes.read();
    }
    return stats;
}

ServiceRow RunningDirector::counted(ServiceRow row) const {
    row.stats = statistics_.service_stats(row.key);
    row.rate = statistics_.service_rate(row.key);
    for (ServerRow& server : row.servers) {
        const auto slot = slots_.find({row.key, server.key});
        if (!slot) continue;
        server.active = count_of(parts_.plane.loads[*slot].active);
        server.inactive = count_of(parts_.plane.loads[*slot].inactive);
        server.persistent = count_of(parts_.plane.loads[*slot].persistent);
        server.stats = statistics_.server_stats(*slot);
        server.rate = statistics_.server_rate(*slot);
    }
    return row;
}

template <class Visit>
void RunningDirector::each_listed(Ticks now, Visit visit) const {
    const DataPlane::Reading reading(parts_.plane);
    const ConnectionTable& table = parts_.plane.table;
    const std::uint32_t used = parts_.plane.pool.ever_used();
    for (ConnectionIndex index = 0; index < used; ++index) {
        reading.pass();
        const Connection& connection = table[index];
        // Acquire: pairs with the release that took kPending after the rest was filled.
        const std::uint32_t status = connection.status.load(std::memory_order_acquire);
        if ((status & (kLive | kPending | kMapping)) != kLive) continue;
        if (connection.is_expired(now)) continue;
        if (!visit(index)) return;
    }
}

void RunningDirector::each_connection(
    const std::function<bool(const ConnectionRow&)>& visit) const {
    const Ticks now = parts_.now();
    each_listed(
        now, [&](ConnectionIndex index) { return visit(row_of(parts_.plane.table, index, now)); });
}

std::vector<OutsideRow> RunningDirector::outside() const {
    static constexpr std::pair<PortKind, const char*> kKinds[] = {
        {PortKind::tcp, "tcp"}, {PortKind::udp, "udp"}, {PortKind::query, "icmp"}};
    std::vector<OutsideRow> rows;
    for (const OutsidePorts& each : outside_.held())
        for (const auto& [kind, name] : kKinds) {
            const PortPool::Use use = parts_.plane.ports.use(outside_.index_of(each.address), kind);
            rows.push_back({each.address, name, use.ports, use.used, use.resting, use.exhausted});
        }
    return rows;
}

std::string RunningDirector::queues_of(const Worker& worker) const {
    std::string text;
    const std::vector<PortAccess>& access = worker.transmit().ports();
    for (std::size_t port = 0; port < parts_.ports.size() && port < access.size(); ++port)
        for (int queue = access[port].rx_begin; queue < access[port].rx_end;
             queue += access[port].rx_stride)
            text += (text.empty() ? "" : " ") + parts_.ports[port]->interface() + ":" +
                    std::to_string(queue);
    return text;
}

std::vector<WorkerRow> RunningDirector::workers() const {
    std::vector<WorkerRow> rows;
    for (const Worker* worker : parts_.workers) {
        const WorkerCounters& counters = worker->counters();
        WorkerRow row;
        row.core = parts_.cores[worker->id()];
        row.packets = counters.received.read();
        row.bursts = counters.bursts.read();
        const auto busy = static_cast<double>(counters.busy_cycles.read());
        const auto cycles = static_cast<double>(counters.cycles.read());
        row.busy = cycles > 0 ? busy / cycles : 0;
        row.cycles_per_packet = row.packets > 0 ? busy / static_cast<double>(row.packets) : 0;
        const WorkerLoad load = loads_.of(worker->id());
        row.busy_now = load.busy;
        row.asleep_now = load.asleep;
        row.burst_fill = load.burst_fill;
        row.pps = load.pps;
        row.handed_on = counters.handed_on.read();
        row.queues = queues_of(*worker);
        rows.push_back(row);
    }
    return rows;
}

// What the file says of the interface of that name. Of one that it does not name, only VLANs are
// ours: it stands for them.
void RunningDirector::describe_interface(PortRow& row) const {
    const InterfaceConfig unnamed;
    const auto named = std::find_if(config_.interfaces.begin(), config_.interfaces.end(),
                                    [&](const auto& each) { return each.name == row.name; });
    const InterfaceConfig& interface = named == config_.interfaces.end() ? unnamed : *named;
    row.role = named == config_.interfaces.end() ? "-" : role_name(interface.role);
    for (const auto& word : kAttachWords)
        if (word.value == interface.attach) row.attach = word.text;
}

// Of a VLAN that has a device; number 0: it has none.
void RunningDirector::add_what_linux_says(PortRow& row, const PlannedPort& vlan) const {
    if (parts_.kernel == nullptr || vlan.ifindex == 0) return;
    const auto& links = parts_.kernel->network().links;
    const auto link = links.find(vlan.ifindex);
    if (link == links.end()) {
        row.link = false;
        row.detail += kernel_has(vlan.name) ? ", left out, the log says why" : ", gone";
        return;
    }
    row.link = row.link && link->second.up && link->second.carrier;
    row.mac = link->second.mac.to_string();
    row.mtu = link->second.mtu;
}

// VLANs have the ports of their parents, which count for all of them.
void RunningDirector::add_vlans(std::vector<PortRow>& rows) const {
    for (std::size_t i = parts_.ports.size(); i < parts_.interfaces.size(); ++i) {
        const PlannedPort& vlan = parts_.interfaces[i];
        PortRow row;
        row.name = vlan.name;
        describe_interface(row);
        row.attach = "vlan";
        row.mac = vlan.mac.to_string();
        row.mtu = network_->port_mtu(static_cast<PortIndex>(i));
        row.link = parts_.ports[vlan.vlan.parent]->link_up();
        row.detail = "VLAN " + std::to_string(vlan.vlan.id) + " of " +
                     parts_.interfaces[vlan.vlan.parent].name + ", counted there";
        add_what_linux_says(row, vlan);
        rows.push_back(row);
    }
}

// Of an af_xdp interface: it may have been changed, or renamed, since it was opened.
void RunningDirector::add_what_linux_says(PortRow& row, const Port& port) const {
    if (parts_.kernel == nullptr || !port.is_af_xdp() || !port.is_open()) return;
    const auto& links = parts_.kernel->network().links;
    const auto link = links.find(port.ifindex());
    if (link == links.end()) return;
    row.mac = link->second.mac.to_string();
    row.mtu = link->second.mtu;
    if (link->second.name != row.name) row.detail += ", now called " + link->second.name;
}

std::string RunningDirector::why_closed(const Port& port) const {
    return kernel_has(port.interface()) ? "not open, the log says why" : "gone";
}

bool RunningDirector::kernel_has(const std::string& interface) const {
    return parts_.kernel != nullptr && parts_.kernel->network().link(interface) != nullptr;
}

// What would be ours and came by a queue that nobody has opened (ethtool -L, PortKeeper).
void RunningDirector::add_what_steering_says(PortRow& row, PortIndex port) const {
    const auto steering = parts_.steering.find(port);
    if (steering == parts_.steering.end()) return;
    const auto counts = steering->second.counts();
    if (!counts || (*counts)[STEERING_NO_WORKER] == 0) return;
    row.detail += ", " + std::to_string((*counts)[STEERING_NO_WORKER]) +
                  " packets left to Linux: their queues have no worker";
}

std::vector<PortRow> RunningDirector::ports() const {
    std::vector<PortRow> rows;
    for (std::size_t i = 0; i < parts_.ports.size(); ++i) {
        const Port& port = *parts_.ports[i];
        const PortStatistics statistics = port.statistics();
        PortRow row;
        row.name = port.interface();
        describe_interface(row);
        row.mac = port.mac().to_string();
        row.mtu = port.mtu();
        row.link = port.link_up();
        row.rx_packets = statistics.rx_packets;
        row.tx_packets = statistics.tx_packets;
        row.rx_bytes = statistics.rx_bytes;
        row.tx_bytes = statistics.tx_bytes;
        row.rx_missed = statistics.rx_missed + statistics.rx_no_mbuf;
        row.tx_errors = statistics.tx_errors;
        row.detail = std::to_string(port.rx_queues()) + " rx and " +
                     std::to_string(port.tx_queues()) + " tx queues, " +
                     (port.is_open() ? port.attachment() : why_closed(port));
        add_what_linux_says(row, port);
        add_what_steering_says(row, static_cast<PortIndex>(i));
        rows.push_back(row);
    }
    if (!parts_.ports.empty()) add_vlans(rows);
    return rows;
}

std::vector<DropRow> RunningDirector::drops() const {
    std::vector<DropRow> rows;
    for (std::size_t reason = 1; reason < kDropCount; ++reason) {
        std::uint64_t count = 0;
        for (const Worker* worker : parts_.workers)
            count += worker->counters().drops[reason].read();
        rows.push_back({std::string(kDropNames[reason]), count});
    }
    return rows;
}

TableRow RunningDirector::table() const {
    std::uint64_t connections = 0;
    each_listed(parts_.now(), [&](ConnectionIndex) { return ++connections > 0; });
    const ConnectionTable& table = parts_.plane.table;
    return {table.bits(), table.capacity(), connections, table.bytes()};
}

Config RunningDirector::running_config() const {
    Config config = file_;
    config.services = as_written(desired_);
    config.timeouts = desired_.timeouts;
    config.vs = desired_.vs;
    config.marks = desired_.marks;
    config.masquerade = desired_.masquerade;
    config.other = desired_.other;
    config.log = log_settings();
    return config;
}

std::string RunningDirector::config_toml() const {
    return write_config(running_config());
}

Result<std::string> RunningDirector::save_config(const std::optional<std::string>& path) {
    const auto target = path_to_save(config_path_, path);
    if (!target) return target;
    if (const auto written = replace_file(*target, config_toml()); !written)
        return tl::unexpected(written.error());
    return target;
}

LogConfig RunningDirector::log_config() const {
    return log_settings();
}

std::string RunningDirector::dpdk_version() const {
    return rte_version();
}

}  // namespace usher
