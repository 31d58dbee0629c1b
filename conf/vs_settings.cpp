// SPDX-License-Identifier: BSD-3-Clause
#include "conf/vs_settings.hpp"

#include <fmt/core.h>

#include <string>
#include <vector>

#include "conf/nearest.hpp"
#include "conf/rules.hpp"

namespace usher {
namespace {

using V = VsSettings;

constexpr VsSetting kSettings[] = {
    {"am_droprate", &V::am_droprate, 1, 1000000,
     "with drop_packet = 3, one of so many packets that would open a connection is dropped"},
    {"conn_reuse_mode", &V::conn_reuse_mode, 0, 3,
     "a SYN on an old entry: 0 keeps its server, 1 chooses anew when it is closed, 2 and 3 also in "
     "a FIN_WAIT without answers"},
    {"drop_entry", &V::drop_entry, 0, 3,
     "half-open and idle entries are thrown out: 0 never, 1 and 2 while the table is nearly full, "
     "3 always"},
    {"drop_packet", &V::drop_packet, 0, 3,
     "some packets that would open connections are dropped: 0 never, 1 and 2 while the table is "
     "nearly full, 3 always"},
    {"expire_nodest_conn", &V::expire_nodest_conn, 0, 1,
     "1: a connection whose server was deleted ends with its next packet, else it waits for the "
     "server"},
    {"expire_quiescent_template", &V::expire_quiescent_template, 0, 1,
     "1: a persistent client leaves a server that has weight 0"},
    {"lblc_expiration", &V::lblc_expiration, 1, kMaxTimeout,
     "seconds that scheduler lblc remembers the server of an unused destination"},
    {"lblcr_expiration", &V::lblcr_expiration, 1, kMaxTimeout,
     "seconds that scheduler lblcr leaves the servers of a destination as they are"},
    {"nat_icmp_send", &V::nat_icmp_send, 0, 1,
     "1: a real server whose packet belongs to no connection gets an ICMP port unreachable"},
    {"secure_tcp", &V::secure_tcp, 0, 3,
     "TCP states that trust only what servers answer: 0 never, 1 and 2 while the table is nearly "
     "full, 3 always"},
    {"sloppy_sctp", &V::sloppy_sctp, 0, 1,
     "1: any SCTP packet but an ABORT opens a connection, not only an INIT"},
    {"sloppy_tcp", &V::sloppy_tcp, 0, 1,
     "1: any TCP packet but a reset opens a connection, not only a SYN"},
};

struct Refusal {
    std::string_view name;
    std::string_view reason;  // a sentence without its full stop
};

constexpr std::string_view kNoSync =
    "connections are not synchronised with another director, so there is nothing to tune";
constexpr std::string_view kRatesAlways =
    "rates are worked out by the control thread and cost the packets nothing, so there is nothing "
    "to turn off or to place";

constexpr Refusal kRefusals[] = {
    {"amemthresh",
     "the connection table's memory is all allocated at start; 'nearly full' means the table, "
     "whose size is connection_table_bits"},
    {"backup_only", "there is no synchronisation, so no director is only a backup"},
    {"cache_bypass",
     "a packet without an available server is refused, never sent to where it "
     "was addressed: Usher is not a transparent proxy's bypass"},
    {"conn_lfactor", "the connection table does not grow; its size is connection_table_bits"},
    {"conn_tab_bits", "it is read at start: connection_table_bits in [table]"},
    {"conntrack",
     "packets of services never enter the kernel, so no conntrack entry is made for "
     "them"},
    {"debug_level", "debugging goes by area: 'usher log --debug', or [log] in the file"},
    {"est_cpulist", kRatesAlways},
    {"est_nice", kRatesAlways},
    {"ignore_tunneled", "tunnelled packets are not services' packets here, so none is scheduled"},
    {"pmtu_disc", "it is about tunnels to real servers, and this version has masquerading only"},
    {"run_estimation", kRatesAlways},
    {"schedule_icmp",
     "an ICMP error never opens a connection; it is translated when it belongs to "
     "one"},
    {"snat_reroute", "answers are always routed by their translated source, as with 1"},
    {"svc_lfactor", "the table of services is sized by each snapshot"},
    {"sync_persist_mode", kNoSync},
    {"sync_ports", kNoSync},
    {"sync_qlen_max", kNoSync},
    {"sync_refresh_period", kNoSync},
    {"sync_retries", kNoSync},
    {"sync_sock_size", kNoSync},
    {"sync_threshold", kNoSync},
    {"sync_version", kNoSync},
};

}  // namespace

std::span<const VsSetting> vs_settings() {
    return kSettings;
}

const VsSetting* find_vs_setting(std::string_view name) {
    for (const VsSetting& setting : kSettings)
        if (setting.name == name) return &setting;
    return nullptr;
}

Error unknown_vs_setting(std::string_view name) {
    for (const Refusal& refusal : kRefusals)
        if (refusal.name == name)
            return {Errc::not_supported,
                    fmt::format("{} does not apply: {}", name, refusal.reason)};
    std::vector<std::string_view> names;
    for (const VsSetting& setting : kSettings)
        names.push_back(setting.name);
    const std::string_view near = nearest(name, names);
    constexpr std::size_t kShown = 64;
    std::string message = fmt::format("no setting \"{}\"", name.substr(0, kShown));
    if (!near.empty()) message += fmt::format("; did you mean \"{}\"?", near);
    return {Errc::no_such_entry, std::move(message)};
}

Result<void> set_vs(VsSettings& settings, std::string_view name, std::uint64_t value) {
    const VsSetting* setting = find_vs_setting(name);
    if (setting == nullptr) return tl::unexpected<Error>(unknown_vs_setting(name));
    if (value < setting->least || value > setting->most)
        return fail(Errc::out_of_range, fmt::format("{}: expected {} to {}, found {}", name,
                                                    setting->least, setting->most, value));
    settings.*setting->value = static_cast<std::uint32_t>(value);
    return {};
}

}  // namespace usher
