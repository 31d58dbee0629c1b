// SPDX-License-Identifier: BSD-3-Clause
// What one ipvsadm command line asks for, as a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "conf/model.hpp"

namespace usher {

// In the order of ipvsadm's own tables; `help` and `version` print and do nothing else.
enum class IpvsCommand : std::uint8_t {
    add_service,
    edit_service,
    delete_service,
    flush,
    list,
    add_server,
    delete_server,
    edit_server,
    set_timeouts,
    start_daemon,
    stop_daemon,
    restore,
    save,
    zero,
    help,
    version,
};

struct ListOptions {
    bool numeric = false;
    bool connections = false;
    bool timeout = false;
    bool daemon = false;
    bool stats = false;  // of these formats the first that is set wins
    bool rate = false;
    bool thresholds = false;
    bool persistent_conn = false;
    bool tun_info = false;
    bool nosort = false;
    bool exact = false;
    friend bool operator==(const ListOptions&, const ListOptions&) = default;
};

// --start-daemon and --stop-daemon. Parsed in full; the daemon has no synchronisation.
struct SyncDaemon {
    bool master = false;  // else backup
    std::string interface = "eth0";
    std::string group;
    std::uint32_t sync_id = 0;
    std::uint32_t port = 0;
    std::uint32_t ttl = 0;
    std::uint32_t max_length = 0;
    friend bool operator==(const SyncDaemon&, const SyncDaemon&) = default;
};

struct Invocation {
    IpvsCommand command = IpvsCommand::list;
    std::optional<ServiceKey> service;
    ServiceOptions service_options;
    ServerKey server;
    ServerOptions server_options{.forwarding = Forwarding::route};  // ipvsadm's own default, -g
    ListOptions list;
    Timeouts timeouts;  // of --set; 0 keeps one
    SyncDaemon sync;
};

// A command line that is none: what goes to stderr (without the last newline) and the exit code.
struct UsageError {
    std::string text;
    int exit_code = 2;
    bool try_help = false;  // the text only points to --help
};

}  // namespace usher
