// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cli/ipvsadm_grammar.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/words.hpp"
#include "tools/cli/ipvsadm_options.hpp"
#include "tools/cli/sched_flags.hpp"

namespace usher {
namespace {

using Problem = std::optional<UsageError>;

constexpr std::int64_t kMostSeconds = 31 * 86400;
constexpr std::int64_t kMostWeight = 2147483647;  // Debian's; upstream stops at 65535
constexpr std::size_t kNameLength = 15;           // of a scheduler or engine; the rest is cut off
constexpr std::uint32_t kDefaultPersistence = 360;

Problem usage(std::string text) {
    return UsageError{std::move(text), 2, false};
}

UsageError try_help(std::string_view program) {
    return {fmt::format("Try `{0} -h' or '{0} --help' for more information.", program), 255, true};
}

// Reads the options one by one, in the order of the line, as ipvsadm does: what an option means
// may depend on those before it, and the first wrong one is the one complained about.
class Grammar {
  public:
    explicit Grammar(const NameResolver& names) : names_(names) {}

    Problem command(const ScannedOption& option);
    Problem option(const ScannedOption& option);
    Problem words(std::vector<std::string> leftover);
    Problem finish();

    Invocation take() { return std::move(call_); }

  private:
    // Notes that the option was given; a second time is an error.
    Problem once(IpvsOption option);
    template <class Action>
    Problem once(IpvsOption option, Action action) {
        if (Problem problem = once(option)) return problem;
        return action();
    }
    Problem flag(IpvsOption option, bool& into);
    template <class T>
    Problem number(IpvsOption option, const std::string& value, std::int64_t least,
                   std::int64_t most, std::string_view what, T& into);

    Problem sync_command(const std::string& value);
    Problem service(Protocol protocol, const std::string& value);
    Problem fwmark(const std::string& value);
    Problem ipv6();
    Problem persistent(const std::optional<std::string>& value);
    Problem netmask(const std::string& value);
    Problem real_server(const std::string& value);
    Problem forwarding(Forwarding method);
    Problem tunnel_type(const std::string& value);
    Problem tunnel_flag(IpvsOption option, std::uint16_t bit);
    Problem mcast_group(const std::string& value);
    Problem server_option(const ScannedOption& option, const std::string& value);
    Problem list_option(const ScannedOption& option);
    Problem sync_option(const ScannedOption& option, const std::string& value);

    Problem finish_service();
    Problem finish_server();
    Problem finish_list();

    Family family() const { return call_.service ? call_.service->family() : Family::ipv4; }

    const NameResolver& names_;
    Invocation call_;
    OptionSet given_;
    std::string sched_flags_;
};

Problem Grammar::command(const ScannedOption& option) {
    call_.command = static_cast<IpvsCommand>(option.id - kCommandIds);
    if (option.value) return sync_command(*option.value);
    return std::nullopt;
}

Problem Grammar::sync_command(const std::string& value) {
    call_.sync.master = value == "master";
    if (value == "master" || value == "backup") return std::nullopt;
    return usage(call_.command == IpvsCommand::start_daemon
                     ? "illegal start-daemon parameter specified"
                     : "illegal start_daemon specified");
}

Problem Grammar::once(IpvsOption option) {
    if (given_.has(option))
        return usage(fmt::format("multiple '{}' options specified", option_name(option)));
    given_.add(option);
    return std::nullopt;
}

Problem Grammar::flag(IpvsOption option, bool& into) {
    into = true;
    return once(option);
}

template <class T>
Problem Grammar::number(IpvsOption option, const std::string& value, std::int64_t least,
                        std::int64_t most, std::string_view what, T& into) {
    if (Problem problem = once(option)) return problem;
    const auto number = parse_number(value, least, most);
    if (!number) return usage(fmt::format("illegal {} specified", what));
    into = static_cast<T>(*number);
    return std::nullopt;
}

Problem Grammar::service(Protocol protocol, const std::string& value) {
    if (Problem problem = once(IpvsOption::service_address)) return problem;
    const auto endpoint = parse_endpoint(value, protocol, names_);
    if (!endpoint) return usage("illegal virtual server address[:port] specified");
    call_.service = ServiceKey{0, protocol, endpoint->address, endpoint->port.value_or(0)};
    if (family() == Family::ipv6) call_.service_options.persistence_bits = 128;
    return std::nullopt;
}

Problem Grammar::fwmark(const std::string& value) {
    if (Problem problem = once(IpvsOption::service_address)) return problem;
    const auto mark = parse_number(value, 1, 0xffffffff);
    if (!mark) return usage(fmt::format("invalid fwmark value `{}' specified", value));
    call_.service = ServiceKey{*mark, Protocol::ip, IpAddress(), 0};
    return std::nullopt;
}

Problem Grammar::ipv6() {
    if (!call_.service || call_.service->fwmark == 0) return usage("-6 used before -f\n");
    call_.service->address = IpAddress(std::array<std::uint8_t, 16>{});
    call_.service_options.persistence_bits = 128;
    return std::nullopt;
}

Problem Grammar::persistent(const std::optional<std::string>& value) {
    if (Problem problem = once(IpvsOption::persistent)) return problem;
    const std::string text = value.value_or(std::to_string(kDefaultPersistence));
    const auto seconds = parse_number(text, 1, kMostSeconds);
    if (!seconds) return usage(fmt::format("invalid timeout value `{}' specified", text));
    call_.service_options.persistence = *seconds;
    return std::nullopt;
}

Problem Grammar::netmask(const std::string& value) {
    if (Problem problem = once(IpvsOption::netmask)) return problem;
    if (family() == Family::ipv6) {
        const auto length = parse_number(value, 1, 128);
        if (!length) return usage("illegal ipv6 netmask specified");
        call_.service_options.persistence_bits = static_cast<std::uint8_t>(*length);
        return std::nullopt;
    }
    const auto length = parse_ipv4_mask(value, names_);
    if (!length) return usage("illegal virtual server persistent mask specified");
    call_.service_options.persistence_bits = *length;
    return std::nullopt;
}

Problem Grammar::real_server(const std::string& value) {
    if (Problem problem = once(IpvsOption::real_server)) return problem;
    const Protocol protocol = call_.service ? call_.service->protocol : Protocol::tcp;
    const auto endpoint = parse_endpoint(value, protocol, names_);
    if (!endpoint) return usage("illegal real server address[:port] specified");
    const std::uint16_t service_port = call_.service ? call_.service->port : std::uint16_t{0};
    call_.server = ServerKey{endpoint->address, endpoint->port.value_or(service_port)};
    return std::nullopt;
}

Problem Grammar::forwarding(Forwarding method) {
    call_.server_options.forwarding = method;
    return once(IpvsOption::forwarding_method);
}

Problem Grammar::tunnel_type(const std::string& value) {
    if (Problem problem = once(IpvsOption::tun_type)) return problem;
    for (const auto& word : kTunnelWords) {
        if (word.text != value) continue;
        call_.server_options.tunnel = word.value;
        return std::nullopt;
    }
    return usage("illegal tunnel type specified");
}

Problem Grammar::tunnel_flag(IpvsOption option, std::uint16_t bit) {
    call_.server_options.tunnel_flags |= bit;
    return once(option);
}

Problem Grammar::mcast_group(const std::string& value) {
    if (Problem problem = once(IpvsOption::mcast_group)) return problem;
    const auto group = IpAddress::parse(value);
    call_.sync.group = value;
    if (group && group->is_multicast()) return std::nullopt;
    const bool v6 = group && !group->is_ipv4();
    return usage(fmt::format("invalid {} mcast-group `{}'", v6 ? "IPv6" : "IPv4", value));
}

Problem Grammar::option(const ScannedOption& option) {
    if (option.id >= kCommandIds) return usage(fmt::format("invalid option `{}'", option.word));
    const std::string value = option.value.value_or("");
    switch (option.id) {
        case kTcpService:
            return service(Protocol::tcp, value);
        case kUdpService:
            return service(Protocol::udp, value);
        case kSctpService:
            return service(Protocol::sctp, value);
        case kFwmarkService:
            return fwmark(value);
        case kIpv6:
            return ipv6();
        case kPersistent:
            return persistent(option.value);
        case kNetmask:
            return netmask(value);
        case kScheduler:
            call_.service_options.scheduler = value.empty() ? "wlc" : value.substr(0, kNameLength);
            return once(IpvsOption::scheduler);
        case kPersistenceEngine:
            call_.service_options.persistence_engine = value.substr(0, kNameLength);
            return once(IpvsOption::persistence_engine);
        case kSchedFlags:
            sched_flags_ = value;
            return once(IpvsOption::sched_flags);
        case kOps:
            call_.service_options.flags |= kFlagOnePacket;
            return once(IpvsOption::ops);
        case kSort:
            return std::nullopt;
        default:
            break;
    }
    if (option.id >= kRealServer && option.id <= kTunRemcsum) return server_option(option, value);
    if (option.id >= kNumeric && option.id <= kExact) return list_option(option);
    return sync_option(option, value);
}

Problem Grammar::server_option(const ScannedOption& option, const std::string& value) {
    ServerOptions& server = call_.server_options;
    using enum IpvsOption;
    switch (option.id) {
        case kRealServer:
            return this->real_server(value);
        case kGatewaying:
            return forwarding(Forwarding::route);
        case kIpip:
            return forwarding(Forwarding::tunnel);
        case kMasquerading:
            return forwarding(Forwarding::masquerade);
        case kWeight:
            return number(weight, value, 0, kMostWeight, "weight", server.weight);
        case kUpperThreshold:
            return number(u_threshold, value, 0, kMostWeight, "u_threshold",
                          server.upper_threshold);
        case kLowerThreshold:
            return number(l_threshold, value, 0, kMostWeight, "l_threshold",
                          server.lower_threshold);
        case kTunType:
            return tunnel_type(value);
        case kTunPort:
            return number(tun_port, value, 1, 65535, "tunnel port", server.tunnel_port);
        case kTunNocsum:
            return tunnel_flag(tun_nocsum, 0);
        case kTunCsum:
            return tunnel_flag(tun_csum, 1);
        default:
            return tunnel_flag(tun_remcsum, 2);
    }
}

Problem Grammar::list_option(const ScannedOption& option) {
    ListOptions& list = call_.list;
    using enum IpvsOption;
    switch (option.id) {
        case kNumeric:
            return flag(numeric, list.numeric);
        case kConnection:
            return flag(connection, list.connections);
        case kTimeout:
            return flag(timeout, list.timeout);
        case kDaemon:
            return flag(daemon, list.daemon);
        case kStats:
            return flag(stats, list.stats);
        case kRate:
            return flag(rate, list.rate);
        case kThresholds:
            return flag(thresholds, list.thresholds);
        case kPersistentConn:
            return flag(persistent_conn, list.persistent_conn);
        case kTunInfo:
            return flag(tun_info, list.tun_info);
        case kNosort:
            return flag(nosort, list.nosort);
        default:
            return flag(exact, list.exact);
    }
}

Problem Grammar::sync_option(const ScannedOption& option, const std::string& value) {
    SyncDaemon& sync = call_.sync;
    using enum IpvsOption;
    switch (option.id) {
        case kSyncId:
            return number(sync_id, value, 0, 255, "syncid", sync.sync_id);
        case kMcastGroup:
            return this->mcast_group(value);
        case kMcastPort:
            return number(mcast_port, value, 1, 65535, "mcast-port", sync.port);
        case kMcastTtl:
            return number(mcast_ttl, value, 1, 255, "mcast-ttl", sync.ttl);
        case kSyncMaxlen:
            return number(sync_maxlen, value, 1, 65507, "sync-maxlen", sync.max_length);
        default:
            sync.interface = value;
            return once(mcast_interface);
    }
}

// What is left beside the options: the three values of --set, and nothing else.
Problem Grammar::words(std::vector<std::string> leftover) {
    std::size_t used = 0;
    if (call_.command == IpvsCommand::set_timeouts) {
        if (leftover.size() < 3) return usage("--set option requires 3 timeout values");
        for (std::uint32_t* into :
             {&call_.timeouts.tcp, &call_.timeouts.tcp_fin, &call_.timeouts.udp}) {
            const std::string& text = leftover[used++];
            const auto seconds = parse_number(text, 0, kMostSeconds);
            if (!seconds) return usage(fmt::format("invalid timeout value `{}' specified", text));
            *into = *seconds;
        }
    }
    if (leftover.size() > used) return usage(fmt::format("unexpected argument {}", leftover[used]));
    return std::nullopt;
}

Problem Grammar::finish_service() {
    const ServiceKey& key = *call_.service;
    const ServiceOptions& options = call_.service_options;
    if (key.fwmark == 0 && key.port == 0 && options.persistence == 0)
        return usage("Zero port specified for non-persistent service");
    const bool one_packet = (options.flags & kFlagOnePacket) != 0;
    if (one_packet && key.fwmark == 0 && key.protocol != Protocol::udp)
        return usage("One-Packet Scheduling is only for UDP virtual services");
    return std::nullopt;
}

Problem Grammar::finish_server() {
    const ServiceKey& key = *call_.service;
    const Forwarding method = call_.server_options.forwarding;
    if (call_.server.address.family() != key.family() && method != Forwarding::tunnel)
        return usage("Different address family is allowed only for tunneling servers");
    using enum IpvsOption;
    if (method == Forwarding::tunnel) {
        if (Problem problem = check_tunnel_options(call_.server_options.tunnel, given_))
            return problem;
    } else if (given_.has_any({tun_type, tun_port, tun_nocsum, tun_csum, tun_remcsum})) {
        return usage("Tunnel options conflict with forward method");
    }
    // Direct routing and tunnelling leave the port alone, so the server's is the service's.
    if (key.fwmark == 0 && method != Forwarding::masquerade) call_.server.port = key.port;
    return std::nullopt;
}

Problem Grammar::finish_list() {
    using enum IpvsOption;
    const bool counters = given_.has_any({stats, rate, thresholds});
    if ((counters && given_.has_any({connection, timeout, daemon})) ||
        (given_.has(persistent_conn) && given_.has_any({timeout, daemon})))
        return usage("options conflicts in the list command");
    return std::nullopt;
}

Problem Grammar::finish() {
    // Only now is the scheduler known, whatever the order of the line.
    const auto flags = parse_sched_flags(sched_flags_, call_.service_options.scheduler);
    if (!flags) return usage(flags.error());
    call_.service_options.flags |= *flags;
    if (Problem problem = check_options(call_.command, given_)) return problem;
    switch (call_.command) {
        case IpvsCommand::add_service:
        case IpvsCommand::edit_service:
            return finish_service();
        case IpvsCommand::add_server:
        case IpvsCommand::edit_server:
            return finish_server();
        case IpvsCommand::list:
            return finish_list();
        default:
            return std::nullopt;
    }
}

Problem parse_options(Grammar& grammar, OptionScanner& scanner) {
    while (const auto option = scanner.next())
        if (Problem problem = grammar.option(*option)) return problem;
    if (!scanner.error().empty()) return UsageError{scanner.error(), 255, false};
    if (Problem problem = grammar.words(std::move(scanner.leftover()))) return problem;
    return grammar.finish();
}

bool only_prints(const ScannedOption& option) {
    return option.id == kCommandIds + static_cast<int>(IpvsCommand::help) ||
           option.id == kCommandIds + static_cast<int>(IpvsCommand::version);
}

}  // namespace

tl::expected<Invocation, UsageError> parse_ipvsadm(std::string_view program,
                                                   std::span<const std::string> words,
                                                   const NameResolver& names) {
    if (words.empty()) return Invocation{};
    OptionScanner scanner(words, ipvsadm_options());
    const auto first = scanner.next();
    if (!first || first->id < kCommandIds) return tl::unexpected(try_help(program));
    Grammar grammar(names);
    if (Problem problem = grammar.command(*first)) return tl::unexpected(std::move(*problem));
    if (!only_prints(*first))
        if (Problem problem = parse_options(grammar, scanner))
            return tl::unexpected(std::move(*problem));
    return grammar.take();
}

}  // namespace usher
