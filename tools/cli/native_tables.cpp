// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cli/native_tables.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

#include "conf/endpoint.hpp"
#include "conf/masquerade.hpp"
#include "conf/words.hpp"
#include "tools/cli/ipvsadm_print.hpp"
#include "tools/cli/text_table.hpp"

namespace usher {
namespace {

template <class T>
std::string text(const T& value) {
    return fmt::format("{}", value);
}

std::string flags_text(const ServiceOptions& options) {
    std::string flags = sched_flags_text(options);
    if ((options.flags & kFlagOnePacket) != 0)
        flags += flags.empty() ? "one-packet" : ",one-packet";
    return flags.empty() ? "-" : flags;
}

std::string persistence_text(const ServiceOptions& options) {
    if (options.persistence == 0) return "-";
    return fmt::format("{} s /{}", options.persistence, options.persistence_bits);
}

std::string seconds_text(std::uint32_t seconds) {
    return seconds == 0 ? "-" : fmt::format("{} s", seconds);
}

std::string mss_text(std::uint32_t mss) {
    if (mss == kMssAuto) return "auto";
    return mss == 0 ? "-" : fmt::format("{}", mss);
}

// The port whose control connections are read: of a service for a mark or for all ports, one of
// them.
std::string ftp_text(const ServiceRow& row) {
    const std::uint16_t port = row.options.ftp_control_port(row.key);
    if (port == 0) return "-";
    return fmt::format("{}{}", port, row.options.ftp_third_party ? ", third party" : "");
}

std::string ports_text(const PortRange& range) {
    return range == PortRange{} ? "*" : port_range_text(range);
}

std::string network_text(const std::optional<Prefix>& network) {
    return network ? network->to_string() : "*";
}

Result<ServiceListing> sorted_listing(const Json& result) {
    Result<ServiceListing> listing = read_service_listing(result);
    if (listing) sort_listing(*listing);
    return listing;
}

}  // namespace

Result<std::string> services_table(const Json& result) {
    return sorted_listing(result).map([](const ServiceListing& listing) {
        TextTable table({"SERVICE", "SCHEDULER", "FLAGS", "PERSISTENCE", ">IDLE TIMEOUT",
                         ">SLOW START", ">MSS CLAMP", "FTP", ">SERVERS", ">ACTIVE", ">INACTIVE",
                         ">CONNS", ">CONNS/S"});
        for (const ServiceRow& row : listing.services) {
            std::uint64_t active = 0;
            std::uint64_t inactive = 0;
            for (const ServerRow& server : row.servers) {
                active += server.active;
                inactive += server.inactive;
            }
            table.add({row.key.to_string(), row.options.scheduler, flags_text(row.options),
                       persistence_text(row.options), seconds_text(row.options.idle_timeout),
                       seconds_text(row.options.slow_start), mss_text(row.options.mss_clamp),
                       ftp_text(row), text(row.servers.size()), text(active), text(inactive),
                       text(row.stats.conns), text(row.rate.cps)});
        }
        return table.to_string();
    });
}

Result<std::string> servers_table(const Json& result) {
    return sorted_listing(result).map([](const ServiceListing& listing) {
        TextTable table({"SERVICE", "SERVER", "FORWARDING", ">WEIGHT", ">ACTIVE", ">INACTIVE",
                         ">CONNS", ">CONNS/S", ">IN BYTES", ">OUT BYTES"});
        for (const ServiceRow& row : listing.services)
            for (const ServerRow& server : row.servers)
                table.add({row.key.to_string(), server.key.to_string(),
                           std::string(word_of(kForwardingWords, server.options.forwarding)),
                           text(server.options.weight), text(server.active), text(server.inactive),
                           text(server.stats.conns), text(server.rate.cps),
                           text(server.stats.in_bytes), text(server.stats.out_bytes)});
        return table.to_string();
    });
}

Result<std::string> connections_table(const Json& result) {
    return read_connections(result).map([](const std::vector<ConnectionRow>& rows) {
        TextTable table({"PROTOCOL", "CLIENT", "VIRTUAL", "SERVER", "STATE", ">EXPIRES"});
        for (const ConnectionRow& row : rows)
            table.add({std::string(protocol_name(row.protocol)), row.client.to_string(),
                       row.virtual_end.to_string(), row.server.to_string(), row.state,
                       fmt::format("{} s", row.expires)});
        return table.to_string();
    });
}

Result<std::string> workers_table(const Json& result) {
    return read_workers(result).map([](const std::vector<WorkerRow>& rows) {
        const auto percent = [](double share) { return fmt::format("{:.1f} %", share * 100); };
        TextTable table({">CORE", ">BUSY NOW", ">ASLEEP", ">PACKETS/S", ">BURST FILL", ">BUSY",
                         ">PACKETS", ">HANDED ON", ">CYCLES/PACKET", "QUEUES"});
        for (const WorkerRow& row : rows)
            table.add({text(row.core), percent(row.busy_now), percent(row.asleep_now),
                       text(row.pps), percent(row.burst_fill), percent(row.busy), text(row.packets),
                       text(row.handed_on), fmt::format("{:.0f}", row.cycles_per_packet),
                       row.queues});
        return table.to_string();
    });
}

Result<std::string> ports_table(const Json& result) {
    return read_ports(result).map([](const std::vector<PortRow>& rows) {
        TextTable table({"PORT", "ROLE", "ATTACH", "MAC", ">MTU", "LINK", ">RX PACKETS",
                         ">TX PACKETS", ">RX BYTES", ">TX BYTES", ">MISSED", ">TX ERRORS",
                         "DETAIL"});
        for (const PortRow& row : rows)
            table.add({row.name, row.role, row.attach, row.mac, text(row.mtu),
                       row.link ? "up" : "down", text(row.rx_packets), text(row.tx_packets),
                       text(row.rx_bytes), text(row.tx_bytes), text(row.rx_missed),
                       text(row.tx_errors), row.detail});
        return table.to_string();
    });
}

Result<std::string> drops_table(const Json& result) {
    return read_drops(result).map([](const std::vector<DropRow>& rows) {
        TextTable table({"REASON", ">PACKETS"});
        for (const DropRow& row : rows)
            table.add({row.reason, text(row.count)});
        return table.to_string();
    });
}

Result<std::string> table_summary(const Json& result) {
    return read_table(result).map([](const TableRow& row) {
        return fmt::format("{} connections of {} (2^{}), {} MiB reserved\n", row.connections,
                           row.size, row.bits, row.memory_bytes >> 20);
    });
}

Result<std::string> timeouts_table(const Json& result) {
    return read_timeouts(result).map([](const Timeouts& timeouts) {
        TextTable table({"TIMEOUT", ">SECONDS"});
        table.add({"tcp", text(timeouts.tcp)});
        table.add({"tcp-fin", text(timeouts.tcp_fin)});
        table.add({"udp", text(timeouts.udp)});
        return table.to_string();
    });
}

Result<std::string> vs_table(const Json& result) {
    return read_vs_rows(result).map([](const std::vector<VsRow>& rows) {
        TextTable table({"SETTING", ">VALUE", ">DEFAULT", "RANGE", "WHAT IT DOES"});
        for (const VsRow& row : rows)
            table.add({row.name, text(row.value), text(row.standard),
                       fmt::format("{}-{}", row.least, row.most), row.about});
        return table.to_string();
    });
}

Result<std::string> marks_table(const Json& result) {
    return read_mark_rules(result).map([](const std::vector<MarkRule>& rules) {
        TextTable table({">RULE", ">MARK", "FAMILY", "PROTOCOL", "SOURCE", "PORTS", "DESTINATION",
                         "PORTS", "INTERFACE"});
        for (std::size_t i = 0; i < rules.size(); ++i) {
            const MarkRule& rule = rules[i];
            table.add({text(i + 1), text(rule.mark),
                       std::string(word_of(kFamilyWords, rule.family)),
                       rule.protocol ? std::string(word_of(kProtocolWords, *rule.protocol)) : "*",
                       network_text(rule.source), ports_text(rule.source_ports),
                       network_text(rule.destination), ports_text(rule.destination_ports),
                       rule.interface.empty() ? "*" : rule.interface});
        }
        return table.to_string();
    });
}

Result<std::string> masquerade_table(const Json& result) {
    return read_masquerade_listing(result).map([](const MasqueradeListing& listing) {
        TextTable table({">RULE", "INSIDE", "OUTSIDE", "PORTS"});
        for (std::size_t i = 0; i < listing.rules.size(); ++i) {
            const MasqueradeRule& rule = listing.rules[i];
            std::vector<std::string> inside;
            for (const Prefix& prefix : rule.inside)
                inside.push_back(prefix.to_string());
            std::vector<std::string> outside;
            for (const AddressRange& range : rule.outside)
                outside.push_back(address_range_text(range));
            table.add({text(i + 1), fmt::format("{}", fmt::join(inside, ",")),
                       outside.empty() ? "own" : fmt::format("{}", fmt::join(outside, ",")),
                       rule.ports ? port_range_text(*rule.ports) : "-"});
        }
        return fmt::format("{}other traffic: {}\n", table.to_string(),
                           word_of(kOtherWords, listing.other));
    });
}

Result<std::string> outside_table(const Json& result) {
    return read_masquerade_listing(result).map([](const MasqueradeListing& listing) {
        TextTable table({"ADDRESS", "PROTOCOL", ">PORTS", ">USED", ">RESTING", ">EXHAUSTED"});
        for (const OutsideRow& row : listing.addresses)
            table.add({row.address.to_string(), row.protocol, text(row.ports), text(row.used),
                       text(row.resting), text(row.exhausted)});
        return table.to_string();
    });
}

Result<std::string> log_summary(const Json& result) {
    ObjectReader in(result, "log");
    const std::string level = in.text("level", "");
    std::string areas;
    const Json* debug = in.member("debug");
    if (debug != nullptr && debug->is_array())
        for (const Json& area : *debug)
            if (area.is_string())
                areas += (areas.empty() ? "" : ",") + area.get_ref<const std::string&>();
    if (auto done = in.error(); !done) return tl::unexpected<Error>(done.error());
    return fmt::format("level {}, debug areas: {}\n", level, areas.empty() ? "none" : areas);
}

}  // namespace usher
