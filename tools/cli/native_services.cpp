// SPDX-License-Identifier: BSD-3-Clause
// usher service, usher server.
#include <fmt/format.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "conf/rules.hpp"
#include "conf/words.hpp"
#include "tools/cli/address_text.hpp"
#include "tools/cli/native_session.hpp"
#include "tools/cli/native_tables.hpp"

namespace usher {
namespace {

constexpr std::uint32_t kLimit = 2147483647;

// The options that were given; those that were not keep their default, or their present value.
struct ServiceSettings {
    std::optional<std::string> scheduler;
    std::optional<std::uint32_t> persistence;
    std::optional<std::uint8_t> persistence_bits;
    std::optional<std::string> persistence_engine;
    std::optional<std::vector<std::string>> flags;
    std::optional<std::uint32_t> idle_timeout;
    std::optional<std::uint32_t> slow_start;
    std::optional<std::string> mss_clamp;
    std::optional<std::string> ftp;
    std::optional<bool> ftp_third_party;

    void apply_to(ServiceOptions& options) const;
};

struct ServerSettings {
    std::optional<std::string> forwarding;
    std::optional<std::uint32_t> weight;
    std::optional<std::uint32_t> upper_threshold;
    std::optional<std::uint32_t> lower_threshold;
    std::optional<std::string> tunnel;
    std::optional<std::uint16_t> tunnel_port;

    void apply_to(ServerOptions& options) const;
};

struct ServiceCall {
    ServiceWords service;
    ServiceSettings settings;
};

struct ServerCall {
    ServiceWords service;
    std::string server;
    ServerSettings settings;
};

template <class T, std::size_t N>
std::vector<std::string> texts(const std::array<Word<T>, N>& words) {
    std::vector<std::string> out;
    for (const auto& word : words)
        out.emplace_back(word.text);
    return out;
}

template <class T, std::size_t N>
T value_of(const std::array<Word<T>, N>& words, const std::string& text) {
    T value{};
    for (const auto& word : words)
        if (word.text == text) value = word.value;
    return value;
}

template <class T>
void set(T& into, const std::optional<T>& given) {
    if (given) into = *given;
}

// Digits or "auto"; the option's checks have seen to that.
std::uint32_t mss_of(const std::string& text) {
    return text == "auto" ? kMssAuto : parse_number(text, 0, kMaxMss).value_or(0);
}

std::string mistake_in_mss(const std::string& text) {
    if (text == "auto" || parse_number(text, 0, kMaxMss)) return {};
    return fmt::format("expected 0 to {} bytes, or auto; found {}", kMaxMss, text);
}

void ServiceSettings::apply_to(ServiceOptions& options) const {
    set(options.scheduler, scheduler);
    set(options.persistence, persistence);
    set(options.persistence_bits, persistence_bits);
    set(options.persistence_engine, persistence_engine);
    set(options.idle_timeout, idle_timeout);
    set(options.slow_start, slow_start);
    if (mss_clamp) options.mss_clamp = mss_of(*mss_clamp);
    if (ftp) options.ftp = *ftp == "auto" ? std::nullopt : std::optional(*ftp == "yes");
    set(options.ftp_third_party, ftp_third_party);
    if (!flags) return;
    options.flags = 0;
    for (const std::string& flag : *flags)
        options.flags |= value_of(kFlagWords, flag);
}

void ServerSettings::apply_to(ServerOptions& options) const {
    if (forwarding) options.forwarding = value_of(kForwardingWords, *forwarding);
    set(options.weight, weight);
    set(options.upper_threshold, upper_threshold);
    set(options.lower_threshold, lower_threshold);
    if (tunnel) options.tunnel = value_of(kTunnelWords, *tunnel);
    set(options.tunnel_port, tunnel_port);
}

void add_settings(CLI::App& command, ServiceSettings& settings) {
    command.add_option("--scheduler", settings.scheduler, "rr, wrr, wlc and so on (default wlc)");
    command.add_option("--persistence", settings.persistence, "seconds; 0: none");
    command.add_option("--persistence-bits", settings.persistence_bits,
                       "length of the prefix of client addresses that count as one");
    command.add_option("--persistence-engine", settings.persistence_engine, "sip");
    command.add_option("--idle-timeout", settings.idle_timeout,
                       "seconds, instead of the timeout of all TCP or UDP; 0: that one");
    command.add_option("--slow-start", settings.slow_start,
                       "seconds in which a new server grows to its weight; 0: at once");
    command
        .add_option("--mss-clamp", settings.mss_clamp,
                    "bytes of a TCP segment at most, or auto: by the way out's MTU; 0: as it is")
        ->check(mistake_in_mss);
    command.add_option("--ftp", settings.ftp, "the FTP helper: yes, no, or auto: for port 21")
        ->check(CLI::IsMember({"yes", "no", "auto"}));
    command.add_option("--ftp-third-party", settings.ftp_third_party,
                       "whether a client's PORT may name another address than its own");
    auto* flags = command.add_option("--flags", settings.flags, "of the scheduler, by commas");
    flags->delimiter(',')->check(CLI::IsMember(texts(kFlagWords)));
}

void add_settings(CLI::App& command, ServerSettings& settings) {
    const CLI::Range limits(std::uint32_t{0}, kLimit);
    command.add_option("--weight", settings.weight, "0: no new connections (default 1)")
        ->check(limits);
    command.add_option("--forwarding", settings.forwarding, "default masquerade")
        ->check(CLI::IsMember({"masquerade", "route", "tunnel"}));
    command.add_option("--upper-threshold", settings.upper_threshold, "connections; 0: none")
        ->check(limits);
    command.add_option("--lower-threshold", settings.lower_threshold, "connections; 0: none")
        ->check(limits);
    command.add_option("--tunnel", settings.tunnel, "default ipip")
        ->check(CLI::IsMember(texts(kTunnelWords)));
    command.add_option("--tunnel-port", settings.tunnel_port, "of gue");
}

// The service's row as it is now; a refusal has been printed when there is none.
std::optional<ServiceRow> present(NativeSession& session, const ServiceKey& key) {
    const auto result = session.fetch({{"command", "service.list"}, {"service", to_wire(key)}});
    if (!result) return std::nullopt;
    Result<ServiceListing> listing = read_service_listing(*result);
    if (listing && listing->services.size() == 1) return std::move(listing->services[0]);
    session.refuse("usherd's answer is not one service", kExitNoDaemon);
    return std::nullopt;
}

void list_services(NativeSession& session, const ServiceWords& words, Show show) {
    Json request = {{"command", "service.list"}};
    if (!words.kind.empty()) {
        const auto key = read_service_words(session, words);
        if (!key) return;
        request["service"] = to_wire(*key);
    }
    session.run(request, show);
}

void send_service(NativeSession& session, const ServiceCall& call, const std::string& verb) {
    const auto key = read_service_words(session, call.service);
    if (!key) return;
    Json request = {{"command", "service." + verb}, {"service", to_wire(*key)}};
    if (verb != "delete") {
        ServiceOptions options;
        if (key->family() == Family::ipv6) options.persistence_bits = 128;
        if (verb == "edit") {
            const auto row = present(session, *key);
            if (!row) return;
            options = row->options;
        }
        call.settings.apply_to(options);
        request["options"] = to_wire(options);
    }
    session.run(request);
}

// The server's present options; nothing when it is not there, which edit itself will say.
ServerOptions present_options(const ServiceRow& row, const ServerKey& key) {
    for (const ServerRow& server : row.servers)
        if (server.key == key) return server.options;
    return {};
}

void send_server(NativeSession& session, const ServerCall& call, const std::string& verb) {
    const auto service = read_service_words(session, call.service);
    if (!service) return;
    const auto endpoint = parse_endpoint(call.server, service->protocol, session.resolver());
    if (!endpoint)
        return session.refuse(fmt::format("'{}' is not ADDRESS:PORT of a server", call.server), 2);
    const ServerKey server{endpoint->address, endpoint->port.value_or(service->port)};
    Json request = {
        {"command", "server." + verb}, {"service", to_wire(*service)}, {"server", to_wire(server)}};
    if (verb != "delete") {
        ServerOptions options;
        if (verb == "edit") {
            const auto row = present(session, *service);
            if (!row) return;
            options = present_options(*row, server);
        }
        call.settings.apply_to(options);
        request["options"] = to_wire(options);
    }
    session.run(request);
}

}  // namespace

void add_service_words(CLI::App& command, ServiceWords& words) {
    command.add_option("KIND", words.kind, "tcp, udp, sctp, fwmark or fwmark6")
        ->check(CLI::IsMember({"tcp", "udp", "sctp", "fwmark", "fwmark6"}));
    command.add_option("SERVICE", words.name, "ADDRESS:PORT, or the mark");
}

std::optional<ServiceKey> read_service_words(NativeSession& session, const ServiceWords& words) {
    ServiceKey key;
    if (words.kind.starts_with("fwmark")) {
        const auto mark = parse_number(words.name, 1, 0xffffffff);
        if (!mark) session.refuse(fmt::format("'{}' is not a firewall mark", words.name), 2);
        if (!mark) return std::nullopt;
        key = {*mark, Protocol::ip, IpAddress(), 0};
        if (words.kind == "fwmark6") key.address = IpAddress(std::array<std::uint8_t, 16>{});
        return key;
    }
    if (words.kind == "udp") key.protocol = Protocol::udp;
    if (words.kind == "sctp") key.protocol = Protocol::sctp;
    const auto endpoint = parse_endpoint(words.name, key.protocol, session.resolver());
    if (!endpoint) {
        session.refuse(fmt::format("'{}' is not ADDRESS:PORT of a service", words.name), 2);
        return std::nullopt;
    }
    key.address = endpoint->address;
    key.port = endpoint->port.value_or(0);
    return key;
}

void add_service_commands(CLI::App& app, NativeSession& session) {
    CLI::App& noun = *app.add_subcommand("service", "virtual services");
    noun.require_subcommand(1);
    const auto call = std::make_shared<ServiceCall>();
    CLI::App& list = *noun.add_subcommand("list", "one line a service");
    add_service_words(list, call->service);
    list.callback([&session, call] { list_services(session, call->service, services_table); });
    const std::pair<const char*, const char*> verbs[] = {
        {"add", "add a service"},
        {"edit", "change the options that are given"},
        {"delete", "delete a service with its servers"}};
    for (const auto& [verb, help] : verbs) {
        CLI::App& command = *noun.add_subcommand(verb, help);
        add_service_words(command, call->service);
        for (CLI::Option* word : command.get_options({}))
            if (word->get_positional()) word->required();
        if (verb != std::string_view("delete")) add_settings(command, call->settings);
        command.callback(
            [&session, call, name = std::string(verb)] { send_service(session, *call, name); });
    }
    noun.add_subcommand("clear", "delete every service")->callback([&session] {
        session.run({{"command", "service.clear"}});
    });
}

void add_server_commands(CLI::App& app, NativeSession& session) {
    CLI::App& noun = *app.add_subcommand("server", "real servers of a virtual service");
    noun.require_subcommand(1);
    const auto call = std::make_shared<ServerCall>();
    CLI::App& list = *noun.add_subcommand("list", "one line a server, of all services or of one");
    add_service_words(list, call->service);
    list.callback([&session, call] { list_services(session, call->service, servers_table); });
    const std::pair<const char*, const char*> verbs[] = {
        {"add", "add a server"},
        {"edit", "change the options that are given"},
        {"delete", "delete a server"}};
    for (const auto& [verb, help] : verbs) {
        CLI::App& command = *noun.add_subcommand(verb, help);
        add_service_words(command, call->service);
        command.add_option("SERVER", call->server, "ADDRESS[:PORT]; the service's port by default");
        for (CLI::Option* word : command.get_options({}))
            if (word->get_positional()) word->required();
        if (verb != std::string_view("delete")) add_settings(command, call->settings);
        command.callback(
            [&session, call, name = std::string(verb)] { send_server(session, *call, name); });
    }
}

}  // namespace usher
