// SPDX-License-Identifier: BSD-3-Clause
#include "control/wire.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <utility>

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

constexpr std::array<Word<Protocol>, 3> kProtocols{
    {{"tcp", Protocol::tcp}, {"udp", Protocol::udp}, {"sctp", Protocol::sctp}}};

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
    return {{"protocol", word_of(kProtocols, key.protocol)},
            {"address", key.address.to_string()},
            {"port", key.port}};
}

Json to_wire(const ServiceOptions& options) {
    return {{"scheduler", options.scheduler},
            {"flags", options.flags},
            {"persistence", options.persistence},
            {"persistence_bits", options.persistence_bits},
            {"persistence_engine", options.persistence_engine}};
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
    key.protocol = word(in, "protocol", kProtocols, Protocol::tcp);
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

}  // namespace usher
