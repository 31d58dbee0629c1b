// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cli/ipvsadm_options.hpp"

#include <fmt/format.h>

#include <array>

#include "conf/words.hpp"

namespace usher {
namespace {

using enum IpvsOption;

constexpr int command_id(IpvsCommand command) {
    return kCommandIds + static_cast<int>(command);
}

constexpr OptionSpec kOptions[] = {
    {command_id(IpvsCommand::add_service), 'A', "add-service"},
    {command_id(IpvsCommand::edit_service), 'E', "edit-service"},
    {command_id(IpvsCommand::delete_service), 'D', "delete-service"},
    {command_id(IpvsCommand::flush), 'C', "clear"},
    {command_id(IpvsCommand::list), 'L', "list"},
    {command_id(IpvsCommand::list), 'l', ""},
    {command_id(IpvsCommand::add_server), 'a', "add-server"},
    {command_id(IpvsCommand::delete_server), 'd', "delete-server"},
    {command_id(IpvsCommand::edit_server), 'e', "edit-server"},
    {command_id(IpvsCommand::set_timeouts), 0, "set"},
    {command_id(IpvsCommand::start_daemon), 0, "start-daemon", Takes::value},
    {command_id(IpvsCommand::stop_daemon), 0, "stop-daemon", Takes::value},
    {command_id(IpvsCommand::restore), 'R', "restore"},
    {command_id(IpvsCommand::save), 'S', "save"},
    {command_id(IpvsCommand::zero), 'Z', "zero"},
    {command_id(IpvsCommand::help), 'h', "help"},
    {command_id(IpvsCommand::version), 'v', "version"},
    {kTcpService, 't', "tcp-service", Takes::value},
    {kUdpService, 'u', "udp-service", Takes::value},
    {kSctpService, 0, "sctp-service", Takes::value},
    {kFwmarkService, 'f', "fwmark-service", Takes::value},
    {kIpv6, '6', "ipv6"},
    {kScheduler, 's', "scheduler", Takes::value},
    {kPersistent, 'p', "persistent", Takes::optional_value},
    {kNetmask, 'M', "netmask", Takes::value},
    {kOps, 'o', "ops"},
    {kPersistenceEngine, 0, "pe", Takes::value},
    {kSchedFlags, 'b', "sched-flags", Takes::value},
    {kRealServer, 'r', "real-server", Takes::value},
    {kGatewaying, 'g', "gatewaying"},
    {kIpip, 'i', "ipip"},
    {kMasquerading, 'm', "masquerading"},
    {kWeight, 'w', "weight", Takes::value},
    {kUpperThreshold, 'x', "u-threshold", Takes::value},
    {kLowerThreshold, 'y', "l-threshold", Takes::value},
    {kTunType, 0, "tun-type", Takes::value},
    {kTunPort, 0, "tun-port", Takes::value},
    {kTunNocsum, 0, "tun-nocsum"},
    {kTunCsum, 0, "tun-csum"},
    {kTunRemcsum, 0, "tun-remcsum"},
    {kNumeric, 'n', "numeric"},
    {kConnection, 'c', "connection"},
    {kTimeout, 0, "timeout"},
    {kDaemon, 0, "daemon"},
    {kStats, 0, "stats"},
    {kRate, 0, "rate"},
    {kThresholds, 0, "thresholds"},
    {kPersistentConn, 0, "persistent-conn"},
    {kTunInfo, 0, "tun-info"},
    {kNosort, 0, "nosort"},
    {kSort, 0, "sort"},
    {kExact, 'X', "exact"},
    {kSyncId, 0, "syncid", Takes::value},
    {kMcastInterface, 0, "mcast-interface", Takes::value},
    {kMcastGroup, 0, "mcast-group", Takes::value},
    {kMcastPort, 0, "mcast-port", Takes::value},
    {kMcastTtl, 0, "mcast-ttl", Takes::value},
    {kSyncMaxlen, 0, "sync-maxlen", Takes::value},
};

constexpr std::array<std::string_view, 34> kOptionNames{"numeric",
                                                        "connection",
                                                        "service-address",
                                                        "scheduler",
                                                        "persistent",
                                                        "netmask",
                                                        "real-server",
                                                        "forwarding-method",
                                                        "weight",
                                                        "u-threshold",
                                                        "l-threshold",
                                                        "mcast-interface",
                                                        "timeout",
                                                        "daemon",
                                                        "stats",
                                                        "rate",
                                                        "thresholds",
                                                        "persistent-conn",
                                                        "nosort",
                                                        "syncid",
                                                        "exact",
                                                        "ops",
                                                        "pe",
                                                        "sched-flags",
                                                        "mcast-group",
                                                        "mcast-port",
                                                        "mcast-ttl",
                                                        "sync-maxlen",
                                                        "tun-info",
                                                        "tun-type",
                                                        "tun-port",
                                                        "tun-nocsum",
                                                        "tun-csum",
                                                        "tun-remcsum"};
static_assert(static_cast<std::size_t>(tun_remcsum) + 1 == kOptionNames.size());

constexpr std::array<std::string_view, 16> kCommandNames{
    "add-service", "edit-service", "delete-service", "flush",
    "list",        "add-server",   "delete-server",  "edit-server",
    "set",         "start-daemon", "stop-daemon",    "restore",
    "save",        "zero",         "help",           "version"};

struct Rule {
    OptionSet needs;
    OptionSet may_take;
    OptionSet one_of;  // of these (allowed) options only one may be given
};

constexpr OptionSet kServiceSettings{scheduler, persistent,         netmask,
                                     ops,       persistence_engine, sched_flags};
constexpr OptionSet kServerSettings{forwarding_method, weight,   u_threshold,
                                    l_threshold,       tun_type, tun_port,
                                    tun_nocsum,        tun_csum, tun_remcsum};
constexpr OptionSet kListChoices{connection, service_address, timeout, daemon};
constexpr OptionSet kListSettings{numeric,  stats, rate,   thresholds, persistent_conn,
                                  tun_info, exact, nosort, sync_id};

Rule rule_of(IpvsCommand command) {
    switch (command) {
        case IpvsCommand::add_service:
        case IpvsCommand::edit_service:
            return {{service_address}, kServiceSettings, {}};
        case IpvsCommand::delete_service:
            return {{service_address}, {}, {}};
        case IpvsCommand::add_server:
        case IpvsCommand::edit_server:
            return {{service_address, real_server}, kServerSettings, {}};
        case IpvsCommand::delete_server:
            return {{service_address, real_server}, {}, {}};
        case IpvsCommand::list:
            return {{}, kListChoices | kListSettings, kListChoices};
        case IpvsCommand::start_daemon:
            return {{},
                    {mcast_interface, sync_id, mcast_group, mcast_port, mcast_ttl, sync_maxlen},
                    {}};
        case IpvsCommand::stop_daemon:
            return {{}, {sync_id}, {}};
        case IpvsCommand::save:
            return {{}, {numeric}, {}};
        case IpvsCommand::zero:
            return {{}, {service_address}, {}};
        default:
            return {};
    }
}

Rule rule_of(TunnelType type) {
    constexpr OptionSet kGreChecksums{tun_nocsum, tun_csum};
    constexpr OptionSet kGueChecksums{tun_nocsum, tun_csum, tun_remcsum};
    switch (type) {
        case TunnelType::ipip:
            return {{}, {tun_type}, {}};
        case TunnelType::gue:
            return {{tun_port}, OptionSet{tun_type} | kGueChecksums, kGueChecksums};
        case TunnelType::gre:
            return {{}, OptionSet{tun_type} | kGreChecksums, kGreChecksums};
    }
    return {};
}

// `of` is what the options belong to: "command" or "tunnel type".
std::optional<UsageError> check(const Rule& rule, OptionSet given, IpvsOption first,
                                std::string_view name, std::string_view of) {
    std::optional<IpvsOption> chosen;
    for (std::size_t i = static_cast<std::size_t>(first); i < kOptionNames.size(); ++i) {
        const auto option = static_cast<IpvsOption>(i);
        if (!given.has(option)) {
            if (!rule.needs.has(option)) continue;
            return UsageError{fmt::format("You need to supply the '{}' option for the '{}' {}",
                                          kOptionNames[i], name, of)};
        }
        if (!rule.needs.has(option) && !rule.may_take.has(option))
            return UsageError{
                fmt::format("Illegal '{}' option with the '{}' {}", kOptionNames[i], name, of)};
        if (!rule.one_of.has(option)) continue;
        if (chosen)
            return UsageError{
                fmt::format("The option '{}' conflicts with the '{}' option in the '{}' {}",
                            kOptionNames[i], option_name(*chosen), name, of)};
        chosen = option;
    }
    return std::nullopt;
}

}  // namespace

std::span<const OptionSpec> ipvsadm_options() {
    return kOptions;
}

std::string_view option_name(IpvsOption option) {
    return kOptionNames[static_cast<std::size_t>(option)];
}

std::string_view command_name(IpvsCommand command) {
    return kCommandNames[static_cast<std::size_t>(command)];
}

std::optional<UsageError> check_options(IpvsCommand command, OptionSet given) {
    return check(rule_of(command), given, numeric, command_name(command), "command");
}

std::optional<UsageError> check_tunnel_options(TunnelType type, OptionSet given) {
    return check(rule_of(type), given, tun_type, word_of(kTunnelWords, type), "tunnel type");
}

}  // namespace usher
