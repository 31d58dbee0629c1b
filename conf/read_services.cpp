// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/core.h>

#include <array>
#include <map>

#include "conf/endpoint.hpp"
#include "conf/rules.hpp"
#include "conf/sections.hpp"

namespace usher {
namespace {

// A service whose name is wrong is read on without one, so that its other mistakes show too.
struct NamedBy {
    std::string_view key;
    std::optional<ServiceKey> service;
};

// Neither, or more than one, of the keys that name a service.
void report_name_count(TableReader& reader, std::string_view first, std::string_view second) {
    if (first.empty())
        reader.missing("tcp = \"ADDRESS:PORT\" (or udp, sctp, or fwmark = MARK)");
    else
        reader.fail(second, fmt::format("{}: expected one of tcp, udp, sctp and fwmark; {} is also "
                                        "given",
                                        second, first));
}

std::optional<ServiceKey> read_address(TableReader& reader, std::string_view key,
                                       Protocol protocol) {
    const auto text = reader.text(key);
    if (!text) return std::nullopt;
    const auto endpoint = parse_endpoint(*text);
    if (!endpoint || !endpoint->port) {
        reader.fail(key, fmt::format("{}: expected \"ADDRESS:PORT\" or \"[IPV6 ADDRESS]:PORT\", "
                                     "found \"{}\"",
                                     key, *text));
        return std::nullopt;
    }
    return ServiceKey{0, protocol, endpoint->address, *endpoint->port};
}

std::optional<ServiceKey> read_mark(TableReader& reader) {
    const auto mark = reader.integer("fwmark", 1, UINT32_MAX);
    const Family family = reader.word("family", kFamilyWords).value_or(Family::ipv4);
    if (!mark) return std::nullopt;
    ServiceKey key{*mark, Protocol::ip, {}, 0};
    if (family == Family::ipv6) key.address = IpAddress(std::array<std::uint8_t, 16>{});
    return key;
}

NamedBy read_name(TableReader& reader) {
    NamedBy named;
    std::string_view second;
    const auto note = [&](std::string_view key) {
        if (reader.has(key)) (named.key.empty() ? named.key : second) = key;
    };
    for (const auto& [key, protocol] : kProtocolWords) {
        note(key);
        const auto service = read_address(reader, key, protocol);
        if (named.key == key) named.service = service;
    }
    note("fwmark");
    const auto mark = read_mark(reader);
    if (named.key == "fwmark") named.service = mark;
    if (reader.has("family") && named.key != "fwmark")
        reader.fail("family", "family: only with fwmark; an address tells its own");
    if (named.key.empty() || !second.empty()) {
        report_name_count(reader, named.key, second);
        named.service.reset();
    }
    return named;
}

ServiceOptions read_options(TableReader& reader, Family family) {
    ServiceOptions options;
    const auto [least, most] = persistence_bits_of(family);
    options.scheduler = reader.text("scheduler").value_or(options.scheduler);
    options.flags = reader.bits("flags", kFlagWords).value_or(0);
    options.persistence = reader.integer("persistence", 0, kMaxTimeout).value_or(0);
    const auto prefix = reader.integer("persistence_bits", least, most);
    options.persistence_bits = static_cast<std::uint8_t>(prefix.value_or(most));
    options.persistence_engine = reader.text("persistence_engine").value_or("");
    options.idle_timeout = reader.integer("idle_timeout", 0, kMaxTimeout).value_or(0);
    options.slow_start = reader.integer("slow_start", 0, kMaxSlowStart).value_or(0);
    options.mss_clamp = reader.integer_or("mss_clamp", "auto", kMssAuto, 0, kMaxMss).value_or(0);
    options.ftp = reader.flag("ftp");
    options.ftp_third_party = reader.flag("ftp_third_party").value_or(false);
    return options;
}

void read_tunnel(TableReader& reader, ServerOptions& into) {
    into.tunnel = reader.word("tunnel", kTunnelWords).value_or(TunnelType::ipip);
    into.tunnel_port =
        static_cast<std::uint16_t>(reader.integer("tunnel_port", 1, 65535).value_or(0));
    into.tunnel_flags =
        static_cast<std::uint16_t>(reader.bits("tunnel_flags", kTunnelFlagWords).value_or(0));
    for (const std::string_view key : {"tunnel", "tunnel_port", "tunnel_flags"})
        if (reader.has(key) && into.forwarding != Forwarding::tunnel)
            reader.fail(key, fmt::format("{}: only with forwarding = \"tunnel\"", key));
}

ServerOptions read_server_options(TableReader& reader) {
    ServerOptions options;
    options.forwarding = reader.word("forwarding", kForwardingWords).value_or(options.forwarding);
    options.weight = reader.integer("weight", 0, kMaxWeight).value_or(options.weight);
    options.upper_threshold = reader.integer("upper_threshold", 0, kMaxThreshold).value_or(0);
    options.lower_threshold = reader.integer("lower_threshold", 0, kMaxThreshold).value_or(0);
    read_tunnel(reader, options);
    return options;
}

// A server without a port has the service's, as with ipvsadm -r.
std::optional<ServerKey> read_server_key(TableReader& reader, std::uint16_t service_port) {
    const auto text = reader.text("address");
    if (!reader.has("address")) reader.missing("address = \"ADDRESS:PORT\"");
    if (!text) return std::nullopt;
    const auto endpoint = parse_endpoint(*text);
    if (endpoint) return ServerKey{endpoint->address, endpoint->port.value_or(service_port)};
    reader.fail("address", fmt::format("address: expected \"ADDRESS\" or \"ADDRESS:PORT\", found "
                                       "\"{}\"",
                                       *text));
    return std::nullopt;
}

void read_servers(TableReader& service, const NamedBy& named, ServiceConfig& into,
                  ServiceSource& source) {
    std::map<ServerKey, Position> seen;
    service.each_table("servers", [&](const toml::table& table) {
        TableReader reader(table, "a server", service.errors());
        const auto key = read_server_key(reader, named.service ? named.service->port : 0);
        ServerConfig server{key.value_or(ServerKey{}), read_server_options(reader)};
        reader.unknown_keys();
        if (!key) return;
        const Position at = reader.position("address");
        const auto [first, fresh] = seen.emplace(*key, at);
        if (!fresh)
            reader.fail("address",
                        fmt::format("duplicate server {}: first given at {}:{}", key->to_string(),
                                    first->second.line, first->second.column));
        if (named.service)
            if (const auto mistake = mistake_in(*named.service, server))
                reader.fail(mistake->key, fmt::format("{}: {}", mistake->key, mistake->message));
        into.servers.push_back(server);
        source.servers.push_back(at);
    });
}

}  // namespace

void read_services(TableReader& top, ReadConfig& into) {
    std::map<ServiceKey, Position> seen;
    top.each_table("service", [&](const toml::table& table) {
        TableReader reader(table, "[[service]]", top.errors());
        const NamedBy named = read_name(reader);
        ServiceConfig service;
        service.key = named.service.value_or(ServiceKey{});
        service.options = read_options(reader, service.key.family());
        ServiceSource source{reader.position(named.key), reader.position("scheduler"), {}};
        read_servers(reader, named, service, source);
        reader.unknown_keys();
        if (!named.service) return;
        if (const auto mistake = mistake_in(service.key, service.options)) {
            const std::string_view key = mistake->key == "port" ? named.key : mistake->key;
            reader.fail(key, fmt::format("{}: {}", key, mistake->message));
        }
        const auto [first, fresh] = seen.emplace(service.key, source.key);
        if (!fresh)
            reader.fail(named.key, fmt::format("duplicate service {}: first given at line {}",
                                               service.key.to_string(), first->second.line));
        into.config.services.push_back(std::move(service));
        into.source.services.push_back(std::move(source));
    });
}

}  // namespace usher
