// SPDX-License-Identifier: BSD-3-Clause
// The ipvsadm command: reads the command line, asks the daemon, prints as ipvsadm does.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tools/cli/daemon.hpp"
#include "tools/cli/endpoint_names.hpp"
#include "tools/cli/invocation.hpp"
#include "tools/cli/terminal.hpp"

namespace usher {

// What the command knows beside its words; tests bring their own.
struct IpvsadmContext {
    Daemon& daemon;
    const NameResolver& resolver;
    const EndpointNames& names;  // for output without -n
    Terminal terminal;
};

// Returns the exit code: ipvsadm's, and kExitNoDaemon when the daemon cannot be reached.
int run_ipvsadm(std::string_view program, std::span<const std::string> words,
                const IpvsadmContext& context);

// ipvsadm-restore: replaces the whole table by the commands on standard input, in one step.
int run_ipvsadm_restore(const IpvsadmContext& context);

// The request for a command that changes something (-A to --set); null for the others.
Json change_request(const Invocation& call);

}  // namespace usher
