// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cli/ipvsadm_print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>

namespace usher {
namespace {

enum class Format { plain, stats, rate, thresholds, persistent_conn, tun_info };

constexpr std::size_t kServiceWidth = 33;  // and where a long IPv4 name is cut
constexpr std::size_t kServerWidth = 28;

Format format_of(const ListOptions& options) {
    if (options.stats) return Format::stats;
    if (options.rate) return Format::rate;
    if (options.thresholds) return Format::thresholds;
    if (options.persistent_conn) return Format::persistent_conn;
    if (options.tun_info) return Format::tun_info;
    return Format::plain;
}

std::string title(Format format) {
    constexpr std::string_view kServiceTitle = "Prot LocalAddress:Port";
    constexpr std::string_view kServerTitle = "  -> RemoteAddress:Port";
    switch (format) {
        case Format::stats:
            return fmt::format("{:<33} {:>8} {:>8} {:>8} {:>8} {:>8}\n{}\n", kServiceTitle, "Conns",
                               "InPkts", "OutPkts", "InBytes", "OutBytes", kServerTitle);
        case Format::rate:
            return fmt::format("{:<33} {:>8} {:>8} {:>8} {:>8} {:>8}\n{}\n", kServiceTitle, "CPS",
                               "InPPS", "OutPPS", "InBPS", "OutBPS", kServerTitle);
        case Format::thresholds:
            return fmt::format("{:<33} {:<10} {:<10} {:<10} {:<10}\n{}\n", kServiceTitle,
                               "Uthreshold", "Lthreshold", "ActiveConn", "InActConn", kServerTitle);
        case Format::persistent_conn:
            return fmt::format("{:<33} {:<9} {:<11} {:<10} {:<10}\n{}\n", kServiceTitle, "Weight",
                               "PersistConn", "ActiveConn", "InActConn", kServerTitle);
        case Format::tun_info:
            return fmt::format(
                "{} Scheduler Flags\n{:<33} Forward TunnelInfo    Weight "
                "ActiveConn InActConn\n",
                kServiceTitle, kServerTitle);
        case Format::plain:
            break;
    }
    return fmt::format("{} Scheduler Flags\n{:<33} Forward Weight ActiveConn InActConn\n",
                       kServiceTitle, kServerTitle);
}

std::string_view forwarding_text(Forwarding method) {
    switch (method) {
        case Forwarding::masquerade:
            return "Masq";
        case Forwarding::local:
            return "Local";
        case Forwarding::tunnel:
            return "Tunnel";
        case Forwarding::route:
            return "Route";
    }
    return "";
}

std::string_view checksum_text(std::uint16_t flags) {
    if ((flags & 1) != 0) return "+c";
    return (flags & 2) != 0 ? "r+c" : "-c";
}

std::string tunnel_text(const ServerOptions& options) {
    if (options.forwarding != Forwarding::tunnel) return "n/a";
    switch (options.tunnel) {
        case TunnelType::ipip:
            return "ipip";
        case TunnelType::gue:
            return fmt::format("gue:{}:{}", options.tunnel_port,
                               checksum_text(options.tunnel_flags));
        case TunnelType::gre:
            return fmt::format("gre:{}", checksum_text(options.tunnel_flags));
    }
    return "";
}

std::string service_text(const ServiceKey& key, const EndpointNames& names) {
    if (key.fwmark != 0)
        return fmt::format("FWM  {}{}", key.fwmark, key.family() == Family::ipv6 ? " IPv6" : "");
    std::string text = fmt::format("{:<4} {}", protocol_name(key.protocol),
                                   names.text(key.address, key.port, key.protocol));
    return key.family() == Family::ipv6 ? text : text.substr(0, kServiceWidth);
}

std::string settings_text(const ServiceKey& key, const ServiceOptions& options) {
    std::string text = " " + options.scheduler;
    const std::string flags = sched_flags_text(options);
    if (!flags.empty()) text += " (" + flags + ")";
    if (options.persistence != 0) {
        text += fmt::format(" persistent {}", options.persistence);
        const std::string mask = netmask_text(key, options);
        if (!mask.empty()) text += " mask " + mask;
        if (!options.persistence_engine.empty()) text += " pe " + options.persistence_engine;
    }
    if ((options.flags & kFlagOnePacket) != 0) text += " ops";
    return text;
}

std::string counters(const std::array<std::uint64_t, 5>& values, bool exact) {
    std::string text;
    for (const std::uint64_t value : values)
        text += counter_text(value, exact);
    return text;
}

std::array<std::uint64_t, 5> values_of(const Stats& s) {
    return {s.conns, s.in_packets, s.out_packets, s.in_bytes, s.out_bytes};
}

std::array<std::uint64_t, 5> values_of(const Rate& r) {
    return {r.cps, r.in_pps, r.out_pps, r.in_bps, r.out_bps};
}

std::string service_line(const ServiceRow& row, Format format, bool exact,
                         const EndpointNames& names) {
    const std::string text = service_text(row.key, names);
    if (format == Format::stats)
        return fmt::format("{:<33}{}\n", text, counters(values_of(row.stats), exact));
    if (format == Format::rate)
        return fmt::format("{:<33}{}\n", text, counters(values_of(row.rate), exact));
    return text + settings_text(row.key, row.options) + "\n";
}

// Of a server ipvsadm shortens the bytes only, never the rates of packets.
std::string server_rate(const Rate& rate, bool exact) {
    return fmt::format(" {:>8} {:>8} {:>8}{}{}", rate.cps, rate.in_pps, rate.out_pps,
                       counter_text(rate.in_bps, exact), counter_text(rate.out_bps, exact));
}

std::string server_columns(const ServerRow& row, Format format, bool exact) {
    const ServerOptions& options = row.options;
    switch (format) {
        case Format::stats:
            return counters(values_of(row.stats), exact);
        case Format::rate:
            return server_rate(row.rate, exact);
        case Format::thresholds:
            return fmt::format(" {:<10} {:<10} {:<10} {:<10}", options.upper_threshold,
                               options.lower_threshold, row.active, row.inactive);
        case Format::persistent_conn:
            return fmt::format(" {:<9} {:<11} {:<10} {:<10}", options.weight, row.persistent,
                               row.active, row.inactive);
        case Format::tun_info:
            return fmt::format(" {:<7} {:<13} {:<6} {:<10} {:<10}",
                               forwarding_text(options.forwarding), tunnel_text(options),
                               options.weight, row.active, row.inactive);
        case Format::plain:
            break;
    }
    return fmt::format(" {:<7} {:<6} {:<10} {:<10}", forwarding_text(options.forwarding),
                       options.weight, row.active, row.inactive);
}

std::string server_line(const ServerRow& row, Protocol protocol, Format format, bool exact,
                        const EndpointNames& names) {
    std::string text = names.text(row.key.address, row.key.port, protocol);
    if (row.key.address.is_ipv4()) text = text.substr(0, kServerWidth);
    return fmt::format("  -> {:<28}{}\n", text, server_columns(row, format, exact));
}

// fwmark 0 sorts before any mark; the families, protocols and addresses follow as numbers.
auto order(const ServiceKey& key) {
    return std::tuple(key.fwmark, key.family(), key.protocol, key.address, key.port);
}

}  // namespace

void sort_listing(ServiceListing& listing) {
    std::sort(listing.services.begin(), listing.services.end(),
              [](const ServiceRow& a, const ServiceRow& b) { return order(a.key) < order(b.key); });
    for (ServiceRow& row : listing.services)
        std::sort(row.servers.begin(), row.servers.end(),
                  [](const ServerRow& a, const ServerRow& b) { return a.key < b.key; });
}

std::string counter_text(std::uint64_t count, bool exact) {
    if (exact)
        return fmt::format("{:>{}}", count,
                           std::max<std::size_t>(9, fmt::formatted_size("{}", count) + 1));
    if (count < 100'000'000) return fmt::format("{:>9}", count);
    if (count < 1'000'000'000) return fmt::format("{:>8}K", count / 1'000);
    if (count < 100'000'000'000) return fmt::format("{:>8}M", count / 1'000'000);
    if (count < 100'000'000'000'000) return fmt::format("{:>8}G", count / 1'000'000'000);
    return fmt::format("{:>8}T", count / 1'000'000'000'000);
}

std::string sched_flags_text(const ServiceOptions& options) {
    const std::string& scheduler = options.scheduler;
    const bool named = scheduler == "sh" || scheduler == "mh";
    std::string text;
    const auto add = [&](std::uint32_t flag, const std::string& name) {
        if ((options.flags & flag) != 0) text += (text.empty() ? "" : ",") + name;
    };
    add(kFlagSched1, named ? scheduler + "-fallback" : "flag-1");
    add(kFlagSched2, named ? scheduler + "-port" : "flag-2");
    add(kFlagSched3, "flag-3");
    return text;
}

std::string netmask_text(const ServiceKey& key, const ServiceOptions& options) {
    if (key.family() == Family::ipv6)
        return options.persistence_bits == 128 ? "" : std::to_string(options.persistence_bits);
    if (options.persistence_bits >= 32) return "";
    const IpAddress all(Be32::from_host(0xffffffffU));
    return Prefix::of(all, options.persistence_bits).address.to_string();
}

std::string print_services(const ServiceListing& listing, const ListOptions& options,
                           const EndpointNames& names, bool whole_table) {
    const Format format = format_of(options);
    std::string out;
    if (whole_table)
        out =
            fmt::format("IP Virtual Server version {} (size={})\n", listing.version, listing.size);
    out += title(format);
    for (const ServiceRow& row : listing.services) {
        out += service_line(row, format, options.exact, names);
        for (const ServerRow& server : row.servers)
            out += server_line(server, row.key.protocol, format, options.exact, names);
    }
    return out;
}

std::string print_connections(const std::vector<ConnectionRow>& rows, const EndpointNames& names) {
    std::string out =
        "IPVS connection entries\n"
        "pro expire state       source             virtual            destination\n";
    for (const ConnectionRow& row : rows) {
        const auto text = [&](const ServerKey& end) {
            return names.text(end.address, end.port, row.protocol);
        };
        const std::string expire = fmt::format("{:02}:{:02}", row.expires / 60, row.expires % 60);
        out += fmt::format("{:<3} {:<6} {:<11} {:<18} {:<18} {}\n", protocol_name(row.protocol),
                           expire, row.state, text(row.client), text(row.virtual_end),
                           text(row.server));
    }
    return out;
}

std::string print_timeouts(const Timeouts& timeouts) {
    return fmt::format("Timeout (tcp tcpfin udp): {} {} {}\n", timeouts.tcp, timeouts.tcp_fin,
                       timeouts.udp);
}

}  // namespace usher
