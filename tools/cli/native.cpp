// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cli/native.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "tools/cli/native_session.hpp"

namespace usher {

namespace {

// CLI11 says of a misspelt subcommand only that one is missing. Which word nobody knows, and who
// lists those that there are; empty: all words were known.
std::string unknown_word(const CLI::App& app) {
    const std::vector<std::string> rest = app.remaining(true);
    if (rest.empty()) return {};
    std::string path = "usher";
    for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
        at = at->get_subcommands().front();
        path += " " + at->get_name();
    }
    return fmt::format("'{}' is unknown; '{} --help' lists what there is", rest.front(), path);
}

}  // namespace

Result<Reply> NativeSession::ask(const Json& request) {
    if (!daemon_) daemon_ = context_.connect(socket);
    return daemon_->ask(request);
}

std::optional<Json> NativeSession::fetch(const Json& request) {
    return result_of(ask(request));
}

std::optional<Json> NativeSession::result_of(Result<Reply> reply) {
    if (!reply) {
        context_.terminal.err << reply.error().message << "\n";
        exit_code_ = kExitNoDaemon;
        return std::nullopt;
    }
    if (reply->ok) return std::move(reply->result);
    refuse(reply->error.message, 1);
    return std::nullopt;
}

void NativeSession::run(const Json& request, Show show) {
    show_result(fetch(request), show);
}

bool NativeSession::is_overtaken(const Json& request) {
    Result<Reply> reply = ask(request);
    if (reply && !reply->ok && reply->error.code == Errc::no_such_entry) return true;
    show_result(result_of(std::move(reply)), nullptr);
    return false;
}

void NativeSession::show_result(const std::optional<Json>& result, Show show) {
    if (!result) return;
    if (json) {
        context_.terminal.out << result->dump(2, ' ', false, Json::error_handler_t::replace)
                              << "\n";
        return;
    }
    if (show == nullptr) return;
    const Result<std::string> text = show(*result);
    if (text) context_.terminal.out << *text;
    if (!text) refuse("usherd's answer: " + text.error().message, kExitNoDaemon);
}

void NativeSession::refuse(const std::string& message, int exit_code) {
    context_.terminal.err << "usher: " << message << "\n";
    exit_code_ = exit_code;
}

int run_native(std::vector<std::string> words, const NativeContext& context) {
    NativeSession session(context);
    CLI::App app("Operates usherd, the load balancer.", "usher");
    app.footer("usher ipvsadm ARGUMENTS... takes ipvsadm's own command line; see usher(8).");
    app.require_subcommand(1);
    app.fallthrough();
    app.add_option("--socket", session.socket, "the daemon's socket")->capture_default_str();
    app.add_flag("--json", session.json, "print the daemon's result as JSON");
    add_service_commands(app, session);
    add_server_commands(app, session);
    add_mark_commands(app, session);
    add_masquerade_commands(app, session);
    add_vs_commands(app, session);
    add_status_commands(app, session);

    std::reverse(words.begin(), words.end());  // the order in which CLI11 wants them
    try {
        app.parse(std::move(words));
    } catch (const CLI::RequiredError& error) {
        if (const std::string unknown = unknown_word(app); !unknown.empty())
            session.refuse(unknown, 2);
        else
            app.exit(error, context.terminal.out, context.terminal.err);
        return 2;
    } catch (const CLI::ParseError& error) {
        return app.exit(error, context.terminal.out, context.terminal.err) == 0 ? 0 : 2;
    }
    context.terminal.out.flush();
    return session.exit_code();
}

}  // namespace usher
