// SPDX-License-Identifier: BSD-3-Clause
#include "control/wire.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <utility>

#include "conf/endpoint.hpp"
#include "conf/rules.hpp"
#include "conf/words.hpp"

namespace usher {
namespace {

constexpr std::array<Word<Errc>, 10> kErrcNames{{{"EINVAL", Errc::invalid},
                                                 {"EEXIST", Errc::exists},
                                                 {"ENOENT", Errc::no_such_entry},
                                                 {"ESRCH", Errc::no_such_service},
                                                 {"ERANGE", Errc::out_of_range},
                                                 {"EOPNOTSUPP", Errc::not_supported},
                                                 {"ENOSPC", Errc::no_space},
                                                 {"EACCES", Errc::permission},
                                                 {"EIO", Errc::unavailable},
                                                 {"EPROTO", Errc::protocol}}};

constexpr std::uint32_t kServiceFlags = kFlagOnePacket | kFlagSched1 | kFlagSched2 | kFlagSched3;
constexpr std::uint64_t kTunnelFlags = 3;  // checksum, remote checksum

// The member's word looked up in a table; `fallback` when absent.
template <class Value, std::size_t N>
Value word(ObjectReader& in, std::string_view member, const std::array<Word<Value>, N>& names,
           Value fallback) {
    const std::string text = in.text(member, word_of(names, fallback));
    std::string choices;
    for (const auto& entry : names) {
        if (entry.text == text) return entry.value;
        choices += fmt::format("{}\"{}\"", choices.empty() ? "" : ", ", entry.text);
    }
    in.fail_with(Errc::invalid, member, "must be one of " + choices);
    return fallback;
}

IpAddress address_member(ObjectReader& in) {
    const std::optional<IpAddress> address = IpAddress::parse(in.text("address", "0.0.0.0"));
    if (!address) in.fail_with(Errc::invalid, "address", "must be an IPv4 or IPv6 address");
    return address.value_or(IpAddress());
}

std::optional<Prefix> network_member(ObjectReader& in, std::string_view name) {
    if (!in.has(name)) return std::nullopt;
    const std::optional<Prefix> network = parse_network(in.text(name, ""));
    if (!network)
        in.fail_with(Errc::invalid, name,
                     "must be ADDRESS or NETWORK/LENGTH without bits after the prefix");
    return network;
}

PortRange ports_member(ObjectReader& in, std::string_view name) {
    const std::optional<PortRange> range = parse_port_range(in.text(name, "0-65535"));
    if (!range) in.fail_with(Errc::invalid, name, "must be PORT or FIRST-LAST");
    return range.value_or(PortRange{});
}

// Bytes, or "auto".
std::uint32_t mss_member(ObjectReader& in) {
    const Json* member = in.member("mss_clamp");
    if (member == nullptr || !member->is_string())
        return in.number<std::uint32_t>("mss_clamp", 0, 0, kMaxMss);
    if (member->get_ref<const std::string&>() != "auto")
        in.fail_with(Errc::invalid, "mss_clamp", "must be a number of bytes or \"auto\"");
    return kMssAuto;
}

// null: as the port says.
std::optional<bool> ftp_member(ObjectReader& in) {
    const Json* member = in.member("ftp");
    if (member == nullptr || member->is_null()) return std::nullopt;
    return in.flag("ftp");
}

template <class Value>
Result<Value> finished(const ObjectReader& in, Value value) {
    if (auto done = in.finish(); !done) return tl::unexpected<Error>(done.error());
    return value;
}

}  // namespace

std::string_view errc_name(Errc code) {
    return word_of(kErrcNames, code);
}

std::optional<Errc> parse_errc(std::string_view name) {
    for (const auto& entry : kErrcNames)
        if (entry.text == name) return entry.value;
    return std::nullopt;
}

std::string to_line(const Json& message) {
    return message.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string success_line(const Json& result) {
    return to_line({{"ok", true}, {"result", result}});
}

std::string failure_line(const Error& error, std::optional<std::size_t> index) {
    Json body = {{"code", errc_name(error.code)}, {"message", error.message}};
    if (index) body["index"] = *index;
    return to_line({{"ok", false}, {"error", std::move(body)}});
}

Result<Request> read_request(std::string_view line) {
    Json json = Json::parse(line, nullptr, false);
    if (json.is_discarded()) return fail(Errc::protocol, "not JSON");
    if (!json.is_object()) return fail(Errc::protocol, "not a JSON object");
    const auto command = json.find("command");
    if (command == json.end()) return fail(Errc::protocol, "'command' is missing");
    if (!command->is_string()) return fail(Errc::protocol, "'command' must be a string");
    Request request{command->get<std::string>(), {}};
    json.erase(command);
    request.members = std::move(json);
    return request;
}

Result<Reply> read_reply(std::string_view line) {
    Json json = Json::parse(line, nullptr, false);
    if (json.is_discarded()) return fail(Errc::protocol, "the reply is not JSON");
    ObjectReader in(json, "reply");
    in.require({"ok"});
    Reply reply;
    reply.ok = in.flag("ok");
    if (auto done = in.error(); !done) return tl::unexpected<Error>(done.error());
    if (reply.ok) {
        if (json.contains("result")) reply.result = std::move(json["result"]);
        return reply;
    }
    in.require({"error"});
    if (auto done = in.error(); !done) return tl::unexpected<Error>(done.error());
    ObjectReader body(json["error"], "error");
    body.require({"code", "message"});
    reply.error.code = parse_errc(body.text("code", "")).value_or(Errc::protocol);
    reply.error.message = body.text("message", "");
    if (body.has("index")) reply.index = body.counter("index");
    if (auto done = body.error(); !done) return tl::unexpected<Error>(done.error());
    return reply;
}

Json to_wire(const ServiceKey& key) {
    if (key.fwmark != 0)
        return {{"fwmark", key.fwmark}, {"family", word_of(kFamilyWords, key.family())}};
    return {{"protocol", word_of(kProtocolWords, key.protocol)},
            {"address", key.address.to_string()},
            {"port", key.port}};
}

Json to_wire(const ServiceOptions& options) {
    return {{"scheduler", options.scheduler},
            {"flags", options.flags},
            {"persistence", options.persistence},
            {"persistence_bits", options.persistence_bits},
            {"persistence_engine", options.persistence_engine},
            {"idle_timeout", options.idle_timeout},
            {"slow_start", options.slow_start},
            {"mss_clamp", options.mss_clamp == kMssAuto ? Json("auto") : Json(options.mss_clamp)},
            {"ftp", options.ftp ? Json(*options.ftp) : Json()},
            {"ftp_third_party", options.ftp_third_party}};
}

Json to_wire(const ServerKey& key) {
    return {{"address", key.address.to_string()}, {"port", key.port}};
}

Json to_wire(const ServerOptions& options) {
    return {{"forwarding", word_of(kForwardingWords, options.forwarding)},
            {"weight", options.weight},
            {"upper_threshold", options.upper_threshold},
            {"lower_threshold", options.lower_threshold},
            {"tunnel", word_of(kTunnelWords, options.tunnel)},
            {"tunnel_port", options.tunnel_port},
            {"tunnel_flags", options.tunnel_flags}};
}

// What is any is left out.
Json to_wire(const MarkRule& rule) {
    Json out = {{"mark", rule.mark}, {"family", word_of(kFamilyWords, rule.family)}};
    if (rule.protocol) out["protocol"] = word_of(kProtocolWords, *rule.protocol);
    if (rule.source) out["source"] = rule.source->to_string();
    if (rule.destination) out["destination"] = rule.destination->to_string();
    if (rule.source_ports != PortRange{}) out["source_ports"] = port_range_text(rule.source_ports);
    if (rule.destination_ports != PortRange{})
        out["destination_ports"] = port_range_text(rule.destination_ports);
    if (!rule.interface.empty()) out["interface"] = rule.interface;
    return out;
}

Json to_wire(const Timeouts& timeouts) {
    return {{"tcp", timeouts.tcp}, {"tcp_fin", timeouts.tcp_fin}, {"udp", timeouts.udp}};
}

Result<ServiceKey> read_service_key(const Json& json) {
    ObjectReader in(json, "service");
    ServiceKey key;
    if (in.has("fwmark")) {
        key.protocol = Protocol::ip;
        key.fwmark = in.number<std::uint32_t>("fwmark", 0, 1, 0xffffffffU);
        if (word(in, "family", kFamilyWords, Family::ipv4) == Family::ipv6)
            key.address = IpAddress(std::array<std::uint8_t, 16>{});
        return finished(in, key);
    }
    in.require({"protocol", "address", "port"});
    key.protocol = word(in, "protocol", kProtocolWords, Protocol::tcp);
    key.address = address_member(in);
    key.port = in.number<std::uint16_t>("port", 0, 0, 65535);
    return finished(in, key);
}

Result<ServiceOptions> read_service_options(const Json& json, Family family) {
    ObjectReader in(json, "options");
    ServiceOptions options;
    const std::uint8_t all = family == Family::ipv4 ? 32 : 128;
    options.scheduler = in.text("scheduler", options.scheduler);
    options.flags = in.number<std::uint32_t>("flags", 0, 0, kServiceFlags);
    if ((options.flags & ~kServiceFlags) != 0)
        in.fail_with(Errc::invalid, "flags", fmt::format("has bits outside {:#x}", kServiceFlags));
    options.persistence = in.number<std::uint32_t>("persistence", 0, 0, kMaxTimeout);
    options.persistence_bits = in.number<std::uint8_t>("persistence_bits", all, 0, all);
    options.persistence_engine = in.text("persistence_engine", "");
    options.idle_timeout = in.number<std::uint32_t>("idle_timeout", 0, 0, kMaxTimeout);
    options.slow_start = in.number<std::uint32_t>("slow_start", 0, 0, kMaxSlowStart);
    options.mss_clamp = mss_member(in);
    options.ftp = ftp_member(in);
    options.ftp_third_party = in.flag("ftp_third_party");
    return finished(in, options);
}

Result<ServerKey> read_server_key(const Json& json) {
    ObjectReader in(json, "server");
    in.require({"address", "port"});
    ServerKey key;
    key.address = address_member(in);
    key.port = in.number<std::uint16_t>("port", 0, 0, 65535);
    return finished(in, key);
}

Result<ServerOptions> read_server_options(const Json& json) {
    ObjectReader in(json, "options");
    ServerOptions options;
    options.forwarding = word(in, "forwarding", kForwardingWords, options.forwarding);
    options.weight = in.number("weight", options.weight, 0, kMaxWeight);
    options.upper_threshold = in.number<std::uint32_t>("upper_threshold", 0, 0, kMaxWeight);
    options.lower_threshold = in.number<std::uint32_t>("lower_threshold", 0, 0, kMaxWeight);
    options.tunnel = word(in, "tunnel", kTunnelWords, options.tunnel);
    options.tunnel_port = in.number<std::uint16_t>("tunnel_port", 0, 0, 65535);
    options.tunnel_flags = in.number<std::uint16_t>("tunnel_flags", 0, 0, kTunnelFlags);
    return finished(in, options);
}

Result<Timeouts> read_timeouts(const Json& json) {
    ObjectReader in(json, "timeouts");
    in.require({"tcp", "tcp_fin", "udp"});
    Timeouts timeouts;
    timeouts.tcp = in.number<std::uint32_t>("tcp", 0, 0, 0xffffffffU);
    timeouts.tcp_fin = in.number<std::uint32_t>("tcp_fin", 0, 0, 0xffffffffU);
    timeouts.udp = in.number<std::uint32_t>("udp", 0, 0, 0xffffffffU);
    return finished(in, timeouts);
}

Result<MarkRule> read_mark_rule(const Json& json) {
    ObjectReader in(json, "mark");
    in.require({"mark"});
    MarkRule rule;
    rule.mark = in.number<std::uint32_t>("mark", 0, 1, 0xffffffffU);
    if (in.has("protocol")) rule.protocol = word(in, "protocol", kProtocolWords, Protocol::tcp);
    rule.source = network_member(in, "source");
    rule.destination = network_member(in, "destination");
    rule.source_ports = ports_member(in, "source_ports");
    rule.destination_ports = ports_member(in, "destination_ports");
    rule.interface = in.text("interface", "");
    Family family = Family::ipv4;  // what an address tells, unless it is named
    if (rule.destination) family = rule.destination->address.family();
    if (rule.source) family = rule.source->address.family();
    rule.family = word(in, "family", kFamilyWords, family);
    return finished(in, std::move(rule));
}

Result<std::vector<MarkRule>> read_mark_rules(const Json& json) {
    if (!json.is_array()) return fail(Errc::protocol, "'marks' must be an array");
    std::vector<MarkRule> rules;
    rules.reserve(json.size());
    for (const Json& entry : json) {
        auto rule = read_mark_rule(entry);
        if (!rule)
            return fail(rule.error().code,
                        fmt::format("mark rule {}: {}", rules.size() + 1, rule.error().message));
        rules.push_back(*std::move(rule));
    }
    return rules;
}

}  // namespace usher
