// SPDX-License-Identifier: BSD-3-Clause
// What the subcommands of `usher` share while one command line runs.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <ostream>
#include <string>

#include "conf/model.hpp"
#include "tools/cli/native.hpp"

namespace usher {

using Show = Result<std::string> (*)(const Json& result);

class NativeSession {
  public:
    explicit NativeSession(const NativeContext& context) : context_(context) {}

    // Asks, and prints the result by `show`, or as JSON. Without `show` a result is not printed.
    void run(const Json& request, Show show = nullptr);
    // As run, without a result to show; but true, and nothing is printed, when the daemon says that
    // what the request expects is not there (ENOENT).
    bool is_overtaken(const Json& request);
    // Asks for something that the next request needs; prints the refusal when there is none.
    std::optional<Json> fetch(const Json& request);
    void print(const std::string& text) { context_.terminal.out << text; }
    void refuse(const std::string& message, int exit_code);

    const NameResolver& resolver() const { return context_.resolver; }
    int exit_code() const { return exit_code_; }

    std::string socket = default_socket_path();
    bool json = false;

  private:
    Result<Reply> ask(const Json& request);
    std::optional<Json> result_of(Result<Reply> reply);
    void show_result(const std::optional<Json>& result, Show show);

    const NativeContext& context_;
    std::unique_ptr<Daemon> daemon_;
    int exit_code_ = 0;
};

// A virtual service as it is written: `tcp 192.0.2.1:80`, `fwmark 7`, `fwmark6 7`.
struct ServiceWords {
    std::string kind;
    std::string name;
};
void add_service_words(CLI::App& command, ServiceWords& words);
std::optional<ServiceKey> read_service_words(NativeSession& session, const ServiceWords& words);

void add_service_commands(CLI::App& app, NativeSession& session);
void add_server_commands(CLI::App& app, NativeSession& session);
void add_vs_commands(CLI::App& app, NativeSession& session);
void add_mark_commands(CLI::App& app, NativeSession& session);
void add_masquerade_commands(CLI::App& app, NativeSession& session);
void add_status_commands(CLI::App& app, NativeSession& session);  // everything else

}  // namespace usher
