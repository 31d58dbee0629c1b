// SPDX-License-Identifier: BSD-3-Clause
// usher connection, worker, port, drop, table, stats, timeout, config, log, version.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "conf/words.hpp"
#include "tools/cli/native_session.hpp"
#include "tools/cli/native_tables.hpp"

namespace usher {
namespace {

Result<std::string> toml_text(const Json& result) {
    ObjectReader in(result, "config");
    const std::string toml = in.text("toml", "");
    return in.error().map([&] { return toml; });
}

Result<std::string> saved_text(const Json& result) {
    ObjectReader in(result, "config");
    const std::string path = in.text("path", "");
    return in.error().map([&] { return "saved to " + path + "\n"; });
}

Result<std::string> version_text(const Json& result) {
    ObjectReader in(result, "version");
    const std::string daemon = in.text("usher", "");
    const std::string dpdk = in.text("dpdk", "");
    return in.error().map(
        [&] { return fmt::format("usher {}\nusherd {}\n{}\n", USHER_VERSION, daemon, dpdk); });
}

// A noun that only shows something: `usher worker`, or in full `usher worker list`.
void add_show(CLI::App& app, NativeSession& session, const char* noun, const char* verb,
              const char* help, Show show) {
    CLI::App& command = *app.add_subcommand(noun, help);
    command.add_subcommand(verb, help);
    const std::string request = fmt::format("{}.{}", noun, verb);
    command.callback([&session, request, show] { session.run({{"command", request}}, show); });
}

void add_stats(CLI::App& app, NativeSession& session) {
    CLI::App& noun = *app.add_subcommand("stats", "counters of services and servers");
    noun.require_subcommand(1);
    CLI::App& zero = *noun.add_subcommand("zero", "set them to zero, of all services or of one");
    const auto words = std::make_shared<ServiceWords>();
    add_service_words(zero, *words);
    zero.callback([&session, words] {
        Json request = {{"command", "stats.zero"}};
        if (!words->kind.empty()) {
            const auto key = read_service_words(session, *words);
            if (!key) return;
            request["service"] = to_wire(*key);
        }
        session.run(request);
    });
}

void add_timeout(CLI::App& app, NativeSession& session) {
    CLI::App& noun = *app.add_subcommand("timeout", "timeouts of idle connections, in seconds");
    noun.require_subcommand(1);
    noun.add_subcommand("get", "show them")->callback([&session] {
        session.run({{"command", "timeout.get"}}, timeouts_table);
    });
    CLI::App& set = *noun.add_subcommand("set", "change those that are given");
    const auto timeouts = std::make_shared<Timeouts>(Timeouts{0, 0, 0});
    set.add_option("--tcp", timeouts->tcp, "established TCP");
    set.add_option("--tcp-fin", timeouts->tcp_fin, "TCP after a FIN");
    set.add_option("--udp", timeouts->udp, "UDP");
    set.callback([&session, timeouts] {
        Json request = to_wire(*timeouts);
        request["command"] = "timeout.set";
        session.run(request);
    });
}

void add_config(CLI::App& app, NativeSession& session) {
    CLI::App& noun = *app.add_subcommand("config", "the configuration");
    noun.require_subcommand(1);
    noun.add_subcommand("show", "print the running configuration as a file")->callback([&session] {
        session.run({{"command", "config.show"}}, toml_text);
    });
    CLI::App& save = *noun.add_subcommand("save", "write it, for the daemon's next start");
    const auto path = std::make_shared<std::string>();
    save.add_option("PATH", *path, "default: the file that the daemon was started with");
    save.callback([&session, path] {
        Json request = {{"command", "config.save"}};
        // The daemon's working directory is another one.
        if (!path->empty())
            request["path"] = std::filesystem::absolute(*path).lexically_normal().string();
        session.run(request, saved_text);
    });
    noun.add_subcommand("reload", "read the file again, as SIGHUP does")->callback([&session] {
        session.run({{"command", "config.reload"}});
    });
}

struct LogWords {
    std::string level;
    std::vector<std::string> debug;
};

void add_log(CLI::App& app, NativeSession& session) {
    CLI::App& noun = *app.add_subcommand("log", "show what is logged, or change it");
    const auto words = std::make_shared<LogWords>();
    noun.add_option("--level", words->level, "error, warning, notice, info or debug");
    noun.add_option("--debug", words->debug, "areas to debug, by commas; none: none")
        ->delimiter(',');
    noun.callback([&session, words] {
        if (words->level.empty() && words->debug.empty())
            return session.run({{"command", "log.get"}}, log_summary);
        Json request = {{"command", "log.set"}};
        if (!words->level.empty()) request["level"] = words->level;
        const bool none = words->debug == std::vector<std::string>{"none"};
        if (!words->debug.empty()) request["debug"] = none ? Json::array() : Json(words->debug);
        session.run(request);
    });
}

}  // namespace

void add_status_commands(CLI::App& app, NativeSession& session) {
    add_show(app, session, "connection", "list", "connections", connections_table);
    add_show(app, session, "worker", "list", "workers and their load", workers_table);
    add_show(app, session, "port", "list", "interfaces and their counters", ports_table);
    add_show(app, session, "drop", "list", "dropped packets by reason", drops_table);
    add_show(app, session, "table", "show", "the connection table", table_summary);
    add_stats(app, session);
    add_timeout(app, session);
    add_config(app, session);
    add_log(app, session);
    app.add_subcommand("version", "of this command and of the daemon")->callback([&session] {
        session.run({{"command", "version"}}, version_text);
    });
}

}  // namespace usher
