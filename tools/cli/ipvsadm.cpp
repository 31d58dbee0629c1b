// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cli/ipvsadm.hpp"

#include <fmt/format.h>

#include <istream>
#include <ostream>
#include <utility>
#include <vector>

#include "tools/cli/ipvsadm_grammar.hpp"
#include "tools/cli/ipvsadm_messages.hpp"
#include "tools/cli/ipvsadm_print.hpp"
#include "tools/cli/ipvsadm_restore.hpp"

namespace usher {
namespace {

// An error on the way to an exit code: what goes to stderr, and the code.
struct Refusal {
    std::string text;
    int exit_code;
};

template <class T>
using Outcome = tl::expected<T, Refusal>;

Outcome<Json> ask(const IpvsadmContext& context, IpvsCommand command, const Json& request) {
    Result<Reply> reply = context.daemon.ask(request);
    if (!reply) return tl::unexpected(Refusal{reply.error().message, kExitNoDaemon});
    if (reply->ok) return std::move(reply->result);
    return tl::unexpected(
        Refusal{ipvsadm_message(command, reply->error), ipvsadm_exit_code(command)});
}

template <class T>
Outcome<T> understood(Result<T> value) {
    if (value) return std::move(*value);
    return tl::unexpected(
        Refusal{"usher: usherd's answer: " + value.error().message, kExitNoDaemon});
}

Outcome<ServiceListing> listing(const IpvsadmContext& context, const Invocation& call) {
    Json request = {{"command", "service.list"}};
    if (call.service) request["service"] = to_wire(*call.service);
    Outcome<ServiceListing> list = ask(context, call.command, request).and_then([](const Json& j) {
        return understood(read_service_listing(j));
    });
    if (list && !call.list.nosort) sort_listing(*list);
    return list;
}

Outcome<std::string> list_text(const IpvsadmContext& context, const Invocation& call) {
    const EndpointNames numbers;
    const EndpointNames& names = call.list.numeric ? numbers : context.names;
    if (call.list.connections)
        return ask(context, call.command, {{"command", "connection.list"}})
            .and_then([](const Json& json) { return understood(read_connections(json)); })
            .map([&](const auto& rows) { return print_connections(rows, names); });
    if (call.list.timeout)
        return ask(context, call.command, {{"command", "timeout.get"}})
            .and_then([](const Json& json) { return understood(read_timeouts(json)); })
            .map(print_timeouts);
    // No daemon of IPVS's kind ever runs, but ours has to be there.
    if (call.list.daemon)
        return ask(context, call.command, {{"command", "version"}}).map([](const Json&) {
            return std::string();
        });
    return listing(context, call).map([&](const ServiceListing& list) {
        return print_services(list, call.list, names, !call.service);
    });
}

Outcome<std::string> save_text(const IpvsadmContext& context, const Invocation& call) {
    const EndpointNames numbers;
    return listing(context, call).map([&](const ServiceListing& list) {
        return print_commands(list, call.list.numeric ? numbers : context.names);
    });
}

Outcome<std::string> restore(const IpvsadmContext& context, FirstStep first) {
    const auto batch = read_restore(context.terminal.in, context.resolver, first);
    if (!batch) return tl::unexpected(Refusal{batch.error().text, batch.error().exit_code});
    if (batch->commands.empty()) return std::string();
    const Result<Reply> reply =
        context.daemon.ask({{"command", "batch"}, {"commands", batch->commands}});
    if (!reply) return tl::unexpected(Refusal{reply.error().message, kExitNoDaemon});
    if (reply->ok) return std::string();
    return tl::unexpected(Refusal{batch->explain(*reply), 255});
}

Outcome<std::string> run(const IpvsadmContext& context, std::string_view program,
                         const Invocation& call) {
    switch (call.command) {
        case IpvsCommand::help:
            return ipvsadm_help(program);
        case IpvsCommand::version:
            return ipvsadm_version();
        case IpvsCommand::list:
            return list_text(context, call);
        case IpvsCommand::save:
            return save_text(context, call);
        case IpvsCommand::restore:
            return restore(context, FirstStep::none);
        case IpvsCommand::start_daemon:
        case IpvsCommand::stop_daemon:
            return tl::unexpected(
                Refusal{"Connection synchronisation is not supported by this version of Usher",
                        ipvsadm_exit_code(call.command)});
        default:
            return ask(context, call.command, change_request(call)).map([](const Json&) {
                return std::string();
            });
    }
}

// Without what is beyond IPVS: an edit by ipvsadm, which cannot speak of it, leaves it alone.
Json ipvs_options(const ServiceOptions& options) {
    Json json = to_wire(options);
    json.erase("idle_timeout");
    json.erase("slow_start");
    json.erase("mss_clamp");
    json.erase("ftp");
    json.erase("ftp_third_party");
    return json;
}

// A line has room for 10,000 services of ten servers each so.
Json without_defaults(const ServerOptions& options) {
    const Json defaults = to_wire(ServerOptions{});
    Json json = to_wire(options);
    for (const auto& [name, value] : defaults.items())
        if (json[name] == value) json.erase(name);
    return json;
}

int report(const Outcome<std::string>& outcome, const Terminal& terminal) {
    if (outcome) {
        terminal.out << *outcome << std::flush;
        return 0;
    }
    terminal.err << outcome.error().text << "\n" << std::flush;
    return outcome.error().exit_code;
}

}  // namespace

int run_ipvsadm(std::string_view program, std::span<const std::string> words,
                const IpvsadmContext& context) {
    const auto call = parse_ipvsadm(program, words, context.resolver);
    if (!call)
        return report(tl::unexpected(Refusal{call.error().text, call.error().exit_code}),
                      context.terminal);
    return report(run(context, program, *call), context.terminal);
}

int run_ipvsadm_restore(const IpvsadmContext& context) {
    return report(restore(context, FirstStep::clear), context.terminal);
}

Json change_request(const Invocation& call) {
    Json request = Json::object();
    if (call.service) request["service"] = to_wire(*call.service);
    const auto named = [&](const char* command) {
        request["command"] = command;
        return request;
    };
    switch (call.command) {
        case IpvsCommand::add_service:
        case IpvsCommand::edit_service:
            request["options"] = ipvs_options(call.service_options);
            return named(call.command == IpvsCommand::add_service ? "service.add" : "service.edit");
        case IpvsCommand::add_server:
        case IpvsCommand::edit_server:
            request["server"] = to_wire(call.server);
            request["options"] = without_defaults(call.server_options);
            return named(call.command == IpvsCommand::add_server ? "server.add" : "server.edit");
        case IpvsCommand::delete_server:
            request["server"] = to_wire(call.server);
            return named("server.delete");
        case IpvsCommand::delete_service:
            return named("service.delete");
        case IpvsCommand::flush:
            return named("service.clear");
        case IpvsCommand::zero:
            return named("stats.zero");
        case IpvsCommand::set_timeouts:
            request.update(to_wire(call.timeouts));
            return named("timeout.set");
        default:
            return nullptr;
    }
}

}  // namespace usher
