// SPDX-License-Identifier: BSD-3-Clause
// The listings of control/wire.hpp.
#include <fmt/format.h>

#include <utility>

#include "control/wire.hpp"

namespace usher {
namespace {

constexpr std::uint64_t kU32 = 0xffffffffU;

Json to_wire(const Stats& stats) {
    return {{"conns", stats.conns},
            {"in_packets", stats.in_packets},
            {"out_packets", stats.out_packets},
            {"in_bytes", stats.in_bytes},
            {"out_bytes", stats.out_bytes}};
}

Json to_wire(const Rate& rate) {
    return {{"cps", rate.cps},
            {"in_pps", rate.in_pps},
            {"out_pps", rate.out_pps},
            {"in_bps", rate.in_bps},
            {"out_bps", rate.out_bps}};
}

Json to_wire(const ServerRow& row) {
    return {{"server", to_wire(row.key)},   {"options", to_wire(row.options)},
            {"active", row.active},         {"inactive", row.inactive},
            {"persistent", row.persistent}, {"stats", to_wire(row.stats)},
            {"rate", to_wire(row.rate)}};
}

// The row when the reader is content, else its error.
template <class Row>
Result<Row> checked(const ObjectReader& in, Row row) {
    if (auto done = in.error(); !done) return tl::unexpected<Error>(done.error());
    return row;
}

// Reads the member with `read` and puts it into `into`; a missing one is an error.
template <class Value, class Read>
Result<void> nested(const Json& json, const char* name, Read read, Value& into) {
    const auto found = json.find(name);
    if (found == json.end())
        return fail(Errc::protocol, fmt::format("listing: '{}' is missing", name));
    Result<Value> value = read(*found);
    if (!value) return tl::unexpected<Error>(value.error());
    into = std::move(*value);
    return {};
}

template <class Row>
Result<std::vector<Row>> rows(const Json& json, Result<Row> (*read)(const Json&)) {
    if (!json.is_array()) return fail(Errc::protocol, "listing: not an array");
    std::vector<Row> out;
    out.reserve(json.size());
    for (const Json& entry : json) {
        if (!entry.is_object()) return fail(Errc::protocol, "listing: a row is not an object");
        Result<Row> row = read(entry);
        if (!row) return tl::unexpected<Error>(row.error());
        out.push_back(std::move(*row));
    }
    return out;
}

Result<Stats> read_stats(const Json& json) {
    ObjectReader in(json, "stats");
    return checked(in,
                   Stats{in.counter("conns"), in.counter("in_packets"), in.counter("out_packets"),
                         in.counter("in_bytes"), in.counter("out_bytes")});
}

Result<Rate> read_rate(const Json& json) {
    ObjectReader in(json, "rate");
    return checked(in, Rate{in.counter("cps"), in.counter("in_pps"), in.counter("out_pps"),
                            in.counter("in_bps"), in.counter("out_bps")});
}

Result<ServerRow> read_server_row(const Json& json) {
    ServerRow row;
    const Result<void> parts =
        nested(json, "server", read_server_key, row.key)
            .and_then([&] { return nested(json, "options", read_server_options, row.options); })
            .and_then([&] { return nested(json, "stats", read_stats, row.stats); })
            .and_then([&] { return nested(json, "rate", read_rate, row.rate); });
    if (!parts) return tl::unexpected<Error>(parts.error());
    ObjectReader in(json, "server row");
    row.active = in.counter("active");
    row.inactive = in.counter("inactive");
    row.persistent = in.counter("persistent");
    return checked(in, row);
}

Result<ServiceRow> read_service_row(const Json& json) {
    ServiceRow row;
    const auto options = [&](const Json& value) {
        return read_service_options(value, row.key.family());
    };
    const auto servers = [](const Json& value) { return rows(value, read_server_row); };
    const Result<void> parts =
        nested(json, "service", read_service_key, row.key)
            .and_then([&] { return nested(json, "options", options, row.options); })
            .and_then([&] { return nested(json, "stats", read_stats, row.stats); })
            .and_then([&] { return nested(json, "rate", read_rate, row.rate); })
            .and_then([&] { return nested(json, "servers", servers, row.servers); });
    if (!parts) return tl::unexpected<Error>(parts.error());
    return row;
}

constexpr Protocol kConnectionProtocols[] = {Protocol::ip,   Protocol::tcp,    Protocol::udp,
                                             Protocol::icmp, Protocol::icmpv6, Protocol::sctp};

std::string lower_name(Protocol protocol) {
    std::string name(protocol_name(protocol));
    for (char& letter : name)
        letter = static_cast<char>(letter | 0x20);  // ASCII letters only
    return name;
}

Result<ConnectionRow> read_connection(const Json& json) {
    ConnectionRow row;
    ObjectReader in(json, "connection");
    in.require({"protocol", "state", "expires"});
    const std::string name = in.text("protocol", "");
    bool found = false;
    for (const Protocol protocol : kConnectionProtocols) {
        if (lower_name(protocol) != name) continue;
        row.protocol = protocol;
        found = true;
    }
    if (!found) in.fail_with(Errc::invalid, "protocol", "is not one of IPVS's");
    row.state = in.text("state", "");
    row.expires = in.number<std::uint32_t>("expires", 0, 0, kU32);
    const Result<void> parts =
        nested(json, "client", read_server_key, row.client)
            .and_then([&] { return nested(json, "virtual", read_server_key, row.virtual_end); })
            .and_then([&] { return nested(json, "server", read_server_key, row.server); });
    if (!parts) return tl::unexpected<Error>(parts.error());
    return checked(in, std::move(row));
}

Result<WorkerRow> read_worker(const Json& json) {
    ObjectReader in(json, "worker");
    WorkerRow row;
    row.core = in.number<unsigned>("core", 0, 0, kU32);
    row.packets = in.counter("packets");
    row.bursts = in.counter("bursts");
    row.busy = in.real("busy");
    row.cycles_per_packet = in.real("cycles_per_packet");
    row.busy_now = in.real("busy_now");
    row.asleep_now = in.real("asleep_now");
    row.burst_fill = in.real("burst_fill");
    row.pps = in.counter("pps");
    row.handed_on = in.counter("handed_on");
    row.queues = in.text("queues", "");
    return checked(in, std::move(row));
}

Result<PortRow> read_port(const Json& json) {
    ObjectReader in(json, "port");
    PortRow row;
    row.name = in.text("name", "");
    row.role = in.text("role", "");
    row.attach = in.text("attach", "");
    row.mac = in.text("mac", "");
    row.mtu = in.number<std::uint32_t>("mtu", 0, 0, kU32);
    row.link = in.flag("link");
    row.rx_packets = in.counter("rx_packets");
    row.tx_packets = in.counter("tx_packets");
    row.rx_bytes = in.counter("rx_bytes");
    row.tx_bytes = in.counter("tx_bytes");
    row.rx_missed = in.counter("rx_missed");
    row.tx_errors = in.counter("tx_errors");
    row.detail = in.text("detail", "");
    return checked(in, std::move(row));
}

Result<VsRow> read_vs_row(const Json& json) {
    ObjectReader in(json, "setting");
    in.require({"name", "value"});
    return checked(in, VsRow{in.text("name", ""), in.counter("value"), in.counter("default"),
                             in.counter("least"), in.counter("most"), in.text("about", "")});
}

}  // namespace

Json to_wire(const ServiceRow& row) {
    Json servers = Json::array();
    for (const ServerRow& server : row.servers)
        servers.push_back(to_wire(server));
    return {{"service", to_wire(row.key)},
            {"options", to_wire(row.options)},
            {"stats", to_wire(row.stats)},
            {"rate", to_wire(row.rate)},
            {"servers", std::move(servers)}};
}

Json to_wire(const ServiceListing& listing) {
    return {{"version", listing.version},
            {"size", listing.size},
            {"services", to_wire_array(listing.services)}};
}

Json to_wire(const ConnectionRow& row) {
    return {{"protocol", lower_name(row.protocol)},
            {"state", row.state},
            {"expires", row.expires},
            {"client", to_wire(row.client)},
            {"virtual", to_wire(row.virtual_end)},
            {"server", to_wire(row.server)}};
}

Json to_wire(const WorkerRow& row) {
    return {{"core", row.core},
            {"packets", row.packets},
            {"bursts", row.bursts},
            {"busy", row.busy},
            {"cycles_per_packet", row.cycles_per_packet},
            {"busy_now", row.busy_now},
            {"asleep_now", row.asleep_now},
            {"burst_fill", row.burst_fill},
            {"pps", row.pps},
            {"handed_on", row.handed_on},
            {"queues", row.queues}};
}

Json to_wire(const PortRow& row) {
    return {{"name", row.name},
            {"role", row.role},
            {"attach", row.attach},
            {"mac", row.mac},
            {"mtu", row.mtu},
            {"link", row.link},
            {"rx_packets", row.rx_packets},
            {"tx_packets", row.tx_packets},
            {"rx_bytes", row.rx_bytes},
            {"tx_bytes", row.tx_bytes},
            {"rx_missed", row.rx_missed},
            {"tx_errors", row.tx_errors},
            {"detail", row.detail}};
}

Json to_wire(const TableRow& row) {
    return {{"bits", row.bits},
            {"size", row.size},
            {"connections", row.connections},
            {"memory_bytes", row.memory_bytes}};
}

Json to_wire(const VsRow& row) {
    return {{"name", row.name},   {"value", row.value}, {"default", row.standard},
            {"least", row.least}, {"most", row.most},   {"about", row.about}};
}

Json to_wire(const std::vector<DropRow>& drops) {
    Json out = Json::object();
    for (const DropRow& row : drops)
        out[row.reason] = row.count;
    return out;
}

Result<ServiceListing> read_service_listing(const Json& json) {
    ObjectReader in(json, "listing");
    in.require({"version", "size", "services"});
    ServiceListing listing;
    listing.version = in.text("version", "");
    listing.size = in.counter("size");
    if (auto done = in.error(); !done) return tl::unexpected<Error>(done.error());
    Result<std::vector<ServiceRow>> services = rows(json["services"], read_service_row);
    if (!services) return tl::unexpected<Error>(services.error());
    listing.services = std::move(*services);
    return listing;
}

Result<std::vector<ConnectionRow>> read_connections(const Json& json) {
    return rows(json, read_connection);
}

Result<std::vector<WorkerRow>> read_workers(const Json& json) {
    return rows(json, read_worker);
}

Result<std::vector<PortRow>> read_ports(const Json& json) {
    return rows(json, read_port);
}

Result<TableRow> read_table(const Json& json) {
    ObjectReader in(json, "table");
    return checked(in, TableRow{in.number<unsigned>("bits", 0, 0, 64), in.counter("size"),
                                in.counter("connections"), in.counter("memory_bytes")});
}

Result<std::vector<VsRow>> read_vs_rows(const Json& json) {
    return rows(json, read_vs_row);
}

Result<std::vector<DropRow>> read_drops(const Json& json) {
    if (!json.is_object()) return fail(Errc::protocol, "drops: not an object");
    std::vector<DropRow> out;
    ObjectReader in(json, "drops");
    for (const auto& item : json.items())
        out.push_back({item.key(), in.counter(item.key())});
    return checked(in, std::move(out));
}

}  // namespace usher
