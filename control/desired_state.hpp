// SPDX-License-Identifier: BSD-3-Clause
// What the operators want: virtual services and their real servers as plain values, and the only
// ways to change them. Boot, reload and commands all end in these changes, so they all obey
// IPVS's rules. Pure; used by the control thread only.
//
//   running --apply(change, rules)--> the next state, for the director to compile and
//   publish. A change that fails leaves the state as it was.
//
// Errors are IPVS's by code (ipvsadm picks its message by operation and code):
//   EEXIST  service.add, server.add of one that is there
//   ESRCH   a service that is not there      ENOENT  a server, scheduler, setting that is not there
//   ERANGE  thresholds, timeouts, settings     EINVAL  values that cannot be (conf/rules.hpp)
//   EOPNOTSUPP  what this version does not do (supported.hpp), servers on the box itself, settings
//               that do not apply
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "conf/model.hpp"
#include "conf/result.hpp"

namespace usher {

using DesiredServer = ServerConfig;

// `created` and `servers_changed` are revisions of the DesiredState. They tell a compiler of
// snapshots what equal values cannot: that a service was deleted and added again (its scheduler
// starts anew), and that a server was added, edited or deleted (IPVS's wrr begins its walk again
// even when an edit changed nothing).
struct DesiredService {
    ServiceOptions options;
    std::vector<DesiredServer> servers;  // in IPVS's order, newest first
    std::uint64_t created = 0;
    std::uint64_t servers_changed = 0;
    friend bool operator==(const DesiredService&, const DesiredService&) = default;
};

struct DesiredState {
    std::uint64_t revision = 0;  // counts the changes ever applied
    std::map<ServiceKey, DesiredService> services;
    Timeouts timeouts;
    VsSettings vs;
    std::vector<MarkRule> marks;
    std::vector<MasqueradeRule> masquerade;
    OtherTraffic other = OtherTraffic::drop;
    friend bool operator==(const DesiredState&, const DesiredState&) = default;
};

struct ServiceAdd {
    ServiceKey service;
    ServiceOptions options;
};
struct ServiceEdit {  // replaces all options; the servers stay
    ServiceKey service;
    ServiceOptions options;
    // What is beyond IPVS stays when the edit does not speak of it: ipvsadm -E cannot.
    bool keeps_idle_timeout = false;
    bool keeps_slow_start = false;
    bool keeps_mss_clamp = false;
    bool keeps_ftp = false;
    bool keeps_ftp_third_party = false;
};
struct ServiceDelete {
    ServiceKey service;
};
struct ServiceClear {};
struct ServerAdd {  // at the head of the list
    ServiceKey service;
    ServerKey server;
    ServerOptions options;
};
struct ServerEdit {  // replaces all options; does not move the server
    ServiceKey service;
    ServerKey server;
    ServerOptions options;
};
struct ServerDelete {
    ServiceKey service;
    ServerKey server;
};
struct TimeoutSet {  // 0 leaves one as it is
    Timeouts timeouts;
};

struct VsSet {  // one of IPVS's settings (conf/vs_settings.hpp)
    std::string name;
    std::uint64_t value = 0;
};
struct MarksSet {  // all rules at once, in their order
    std::vector<MarkRule> marks;
    std::optional<std::vector<MarkRule>> expected = {};  // ENOENT unless these are there now
};

struct MasqueradeSet {  // likewise
    std::vector<MasqueradeRule> rules;
    std::optional<std::vector<MasqueradeRule>> expected = {};
};
struct OtherSet {
    OtherTraffic other = OtherTraffic::drop;
};

using Change =
    std::variant<ServiceAdd, ServiceEdit, ServiceDelete, ServiceClear, ServerAdd, ServerEdit,
                 ServerDelete, TimeoutSet, VsSet, MarksSet, MasqueradeSet, OtherSet>;

// What a change is checked against beyond the state itself.
struct Rules {
    std::function<bool(std::string_view)> scheduler_exists;       // never empty
    std::function<bool(std::string_view)> interface_exists = {};  // of marks; empty: every one does
    std::function<bool(const IpAddress&)> is_own_address = {};    // the box's; empty: none is
};

// A change that was refused, and its position in the batch.
struct BatchError {
    std::size_t index = 0;
    Error error;
};

// Changes `state`, or fails and leaves it as it was.
Result<void> apply(DesiredState& state, const Change& change, const Rules& rules);

// All of the changes in order, each seeing those before it; or none, and which one failed.
tl::expected<DesiredState, BatchError> apply_all(DesiredState state,
                                                 const std::vector<Change>& changes,
                                                 const Rules& rules);

// "server.add TCP 192.0.2.1:80 10.0.0.1:80", for errors and the log.
std::string describe(const Change& change);

}  // namespace usher
