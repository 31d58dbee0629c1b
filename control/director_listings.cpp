// SPDX-License-Identifier: BSD-3-Clause
// What RunningDirector tells: counts, connections, workers, ports, the configuration.
#include <rte_version.h>

#include <cstdio>
#include <fstream>

#include "conf/write.hpp"
#include "control/log.hpp"
#include "control/reload.hpp"
#include "control/running_director.hpp"

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

ServerKey endpoint(Be32 address, Be16 port) {
    return {IpAddress(address), port.host()};
}

ConnectionRow row_of(const Connection& connection, Ticks now) {
    const std::uint32_t status = connection.status.load(std::memory_order_relaxed);
    const Ticks idle = now - connection.last_seen.load(std::memory_order_relaxed);
    const Ticks timeout = connection.timeout.load(std::memory_order_relaxed);
    ConnectionRow row;
    row.protocol = static_cast<Protocol>(connection.protocol);
    row.state = state_name(state_of(status));
    // A tick has begun: like IPVS, 899 s the moment after a 900 s timer was set.
    row.expires = timeout > idle ? (timeout - idle - 1) / kTicksPerSecond : 0;
    row.client = endpoint(connection.original.source, connection.original.source_port);
    row.virtual_end =
        endpoint(connection.original.destination, connection.original.destination_port);
    row.server = endpoint(connection.reply.source, connection.reply.source_port);
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
        server.stats = statistics_.server_stats(*slot);
        server.rate = statistics_.server_rate(*slot);
    }
    return row;
}

void RunningDirector::each_connection(
    const std::function<bool(const ConnectionRow&)>& visit) const {
    const DataPlane::Reading reading(parts_.plane);
    const ConnectionTable& table = parts_.plane.table;
    const Ticks now = parts_.now();
    const std::uint32_t used = parts_.plane.pool.ever_used();
    for (ConnectionIndex index = 0; index < used; ++index) {
        const Connection& connection = table[index];
        // Acquire: pairs with the release that set kLive after the rest was filled.
        if (!(connection.status.load(std::memory_order_acquire) & kLive)) continue;
        if (connection.is_expired(now)) continue;
        if (!visit(row_of(connection, now))) return;
    }
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
        rows.push_back(row);
    }
    return rows;
}

std::vector<PortRow> RunningDirector::ports() const {
    std::vector<PortRow> rows;
    for (std::size_t i = 0; i < parts_.ports.size(); ++i) {
        const Port& port = *parts_.ports[i];
        const PortStatistics statistics = port.statistics();
        PortRow row;
        row.name = port.interface();
        row.role = role_name(config_.interfaces[i].role);
        row.attach = port.is_af_xdp() ? "af_xdp" : "device";
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
                     std::to_string(port.tx_queues()) + " tx queues";
        rows.push_back(row);
    }
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
    each_connection([&](const ConnectionRow&) { return ++connections > 0; });
    const ConnectionTable& table = parts_.plane.table;
    return {table.bits(), table.capacity(), connections, table.bytes()};
}

Config RunningDirector::running_config() const {
    Config config = config_;
    config.services = as_written(desired_);
    config.timeouts = desired_.timeouts;
    config.log = log_settings();
    return config;
}

std::string RunningDirector::config_toml() const {
    return write_config(running_config());
}

// Written beside it and renamed: whoever reads the path sees the old file or the new one, whole.
Result<std::string> RunningDirector::save_config(const std::optional<std::string>& path) {
    const std::string target = path.value_or(config_path_);
    const std::string aside = target + ".new";
    {
        std::ofstream file(aside, std::ios::trunc);
        file << config_toml();
        if (!file.flush()) return fail(Errc::unavailable, "cannot write " + aside);
    }
    if (std::rename(aside.c_str(), target.c_str()) != 0) {
        std::remove(aside.c_str());
        return fail(Errc::unavailable, "cannot replace " + target);
    }
    return target;
}

LogConfig RunningDirector::log_config() const {
    return log_settings();
}

std::string RunningDirector::dpdk_version() const {
    return rte_version();
}

}  // namespace usher
