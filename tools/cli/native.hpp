// SPDX-License-Identifier: BSD-3-Clause
// The `usher` command: a subcommand for each noun, tables for people, --json for programs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/cli/daemon.hpp"
#include "tools/cli/endpoint_names.hpp"
#include "tools/cli/terminal.hpp"

namespace usher {

struct NativeContext {
    std::function<std::unique_ptr<Daemon>(const std::string& socket)> connect;
    NameResolver resolver;
    Terminal terminal;
};

// `words` is without the program's name. Returns the exit code: 0, 1 when the daemon refused, 2
// for a wrong command line and when the daemon cannot be reached.
int run_native(std::vector<std::string> words, const NativeContext& context);

}  // namespace usher
