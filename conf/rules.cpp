// SPDX-License-Identifier: BSD-3-Clause
#include "conf/rules.hpp"

#include <fmt/core.h>

namespace usher {
namespace {

constexpr std::uint32_t kKnownFlags = kFlagOnePacket | kFlagSched1 | kFlagSched2 | kFlagSched3;

Mistake invalid(std::string_view key, std::string message) {
    return {key, Errc::invalid, std::move(message)};
}

std::string_view family_name(Family family) {
    return family == Family::ipv4 ? "IPv4" : "IPv6";
}

std::optional<Mistake> mistake_in_address(const ServiceKey& service, const ServerConfig& server) {
    const IpAddress& address = server.key.address;
    const bool tunnelled = server.options.forwarding == Forwarding::tunnel;
    // RFC 791 has no way to carry an IPv6 packet but in a tunnel, and the other way round.
    if (address.family() != service.family() && !tunnelled)
        return invalid("address", fmt::format("expected an {} address, as the service's; only "
                                              "forwarding = \"tunnel\" may mix families",
                                              family_name(service.family())));
    const bool bad = address.is_unspecified() || address.is_multicast() || address.is_broadcast() ||
                     (!address.is_ipv4() && address.is_link_local());
    if (bad)
        return invalid("address", fmt::format("expected a unicast address that can be routed, "
                                              "found {}",
                                              address.to_string()));
    if (address.is_loopback() && !tunnelled)
        return Mistake{"address", Errc::not_supported,
                       fmt::format("{} is the box itself; servers there are not supported by this "
                                   "version of Usher",
                                   address.to_string())};
    return std::nullopt;
}

std::optional<Mistake> mistake_in_mss(const ServiceKey& service, const ServiceOptions& options) {
    const std::uint32_t mss = options.mss_clamp;
    if (mss == 0) return std::nullopt;
    if (service.fwmark == 0 && service.protocol != Protocol::tcp)
        return invalid("mss_clamp", "only for tcp and fwmark services");
    if (mss != kMssAuto && (mss < kMinMss || mss > kMaxMss))
        return invalid("mss_clamp",
                       fmt::format("expected 0, \"auto\", or {} to {} bytes", kMinMss, kMaxMss));
    return std::nullopt;
}

std::optional<Mistake> mistake_in_ftp(const ServiceKey& service, const ServiceOptions& options) {
    if (service.fwmark != 0 || service.protocol == Protocol::tcp) return std::nullopt;
    if (options.ftp.value_or(false)) return invalid("ftp", "only for tcp and fwmark services");
    if (options.ftp_third_party)
        return invalid("ftp_third_party", "only for tcp and fwmark services");
    return std::nullopt;
}

}  // namespace

std::optional<Mistake> mistake_in(const ServiceKey& service, const ServiceOptions& options) {
    if (service.fwmark == 0 && service.port == 0 && options.persistence == 0)
        return invalid("port",
                       "port 0 (all ports) needs persistence; expected a port from 1 to "
                       "65535, or persistence = SECONDS");
    if (options.scheduler.empty() || options.scheduler.size() > kMaxSchedulerName)
        return invalid("scheduler", "expected the name of a scheduler, 1 to 15 characters");
    if ((options.flags & ~kKnownFlags) != 0) return invalid("flags", "expected known flags only");
    const bool one_packet = (options.flags & kFlagOnePacket) != 0;
    if (one_packet && service.fwmark == 0 && service.protocol != Protocol::udp)
        return invalid("flags", "\"one-packet\" is only for udp and fwmark services");
    if (options.persistence > kMaxTimeout)
        return invalid("persistence", fmt::format("expected 0 to {} seconds", kMaxTimeout));
    const auto [least, most] = persistence_bits_of(service.family());
    if (options.persistence_bits < least || options.persistence_bits > most)
        return invalid("persistence_bits",
                       fmt::format("expected an integer from {} to {}, found {}", least, most,
                                   options.persistence_bits));
    if (options.idle_timeout > kMaxTimeout)
        return invalid("idle_timeout", fmt::format("expected 0 to {} seconds", kMaxTimeout));
    if (options.slow_start > kMaxSlowStart)
        return invalid("slow_start", fmt::format("expected 0 to {} seconds", kMaxSlowStart));
    if (auto mistake = mistake_in_mss(service, options)) return mistake;
    return mistake_in_ftp(service, options);
}

std::optional<Mistake> mistake_in(const ServiceKey& service, const ServerConfig& server) {
    if (auto mistake = mistake_in_address(service, server)) return mistake;
    const ServerOptions& options = server.options;
    if (options.weight > kMaxWeight)
        return invalid("weight", fmt::format("expected 0 to {}", kMaxWeight));
    if (options.upper_threshold > kMaxThreshold)
        return invalid("upper_threshold", fmt::format("expected 0 to {}", kMaxThreshold));
    if (options.lower_threshold > options.upper_threshold)
        return Mistake{"lower_threshold", Errc::out_of_range,
                       fmt::format("expected at most upper_threshold, {}; found {}",
                                   options.upper_threshold, options.lower_threshold)};
    const bool tunnelled = options.forwarding == Forwarding::tunnel;
    if (tunnelled && options.tunnel == TunnelType::gue && options.tunnel_port == 0)
        return invalid("tunnel",
                       "\"gue\" needs tunnel_port, the UDP port that the server "
                       "listens on");
    return std::nullopt;
}

std::optional<Mistake> mistake_in(const MarkRule& rule) {
    if (rule.mark == 0) return invalid("mark", "expected 1 to 4294967295; 0 is no mark");
    const bool has_ports = !rule.protocol || *rule.protocol == Protocol::tcp ||
                           *rule.protocol == Protocol::udp || *rule.protocol == Protocol::sctp;
    if (!has_ports) return invalid("protocol", "expected tcp, udp or sctp");
    for (const auto& [key, prefix] :
         {std::pair{"source", rule.source}, {"destination", rule.destination}}) {
        if (!prefix) continue;
        if (prefix->address.family() != rule.family)
            return invalid(key, fmt::format("expected an {} network, as the rule's family",
                                            family_name(rule.family)));
        if (Prefix::of(prefix->address, prefix->length) != *prefix)
            return invalid(key, "expected no bits after the prefix");
    }
    for (const auto& [key, ports] : {std::pair{"source_ports", rule.source_ports},
                                     {"destination_ports", rule.destination_ports}})
        if (ports.first > ports.last)
            return invalid(key, fmt::format("expected FIRST-LAST in rising order, found {}-{}",
                                            ports.first, ports.last));
    if (!rule.interface.empty() && !is_interface_name(rule.interface))
        return invalid("interface", "expected an interface name of 1 to 15 characters");
    return std::nullopt;
}

bool is_interface_name(std::string_view name) {
    constexpr std::size_t kLongest = 15;  // IFNAMSIZ - 1
    if (name.empty() || name.size() > kLongest || name == "." || name == "..") return false;
    for (const char c : name)
        if (c <= ' ' || c > '~' || c == '/' || c == ':') return false;
    return true;
}

}  // namespace usher
