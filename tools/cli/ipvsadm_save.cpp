// SPDX-License-Identifier: BSD-3-Clause
// ipvsadm -S: the table as commands.
#include <fmt/format.h>

#include "conf/words.hpp"
#include "tools/cli/ipvsadm_print.hpp"

namespace usher {
namespace {

std::string service_argument(const ServiceKey& key, const EndpointNames& names) {
    if (key.fwmark != 0)
        return fmt::format("-f {}{}", key.fwmark, key.family() == Family::ipv6 ? " -6" : "");
    const std::string endpoint = names.text(key.address, key.port, key.protocol);
    switch (key.protocol) {
        case Protocol::udp:
            return "-u " + endpoint;
        case Protocol::sctp:
            return "--sctp-service " + endpoint;
        default:
            return "-t " + endpoint;
    }
}

std::string service_settings(const ServiceKey& key, const ServiceOptions& options) {
    std::string text = " -s " + options.scheduler;
    if (options.persistence != 0) {
        text += fmt::format(" -p {}", options.persistence);
        const std::string mask = netmask_text(key, options);
        if (!mask.empty()) text += " -M " + mask;
    }
    if (!options.persistence_engine.empty()) text += " --pe " + options.persistence_engine;
    if ((options.flags & kFlagOnePacket) != 0) text += " -o";
    const std::string flags = sched_flags_text(options);
    if (!flags.empty()) text += " -b " + flags;
    return text;
}

std::string_view forwarding_argument(Forwarding method) {
    switch (method) {
        case Forwarding::masquerade:
            return "-m";
        case Forwarding::tunnel:
            return "-i";
        default:
            return "-g";  // Local too: the kernel finds out again that an address is its own
    }
}

std::string tunnel_settings(const ServerOptions& options) {
    if (options.forwarding != Forwarding::tunnel) return "";
    std::string text = fmt::format(" --tun-type {}", word_of(kTunnelWords, options.tunnel));
    if (options.tunnel == TunnelType::ipip) return text;
    if (options.tunnel == TunnelType::gue)
        text += fmt::format(" --tun-port {}", options.tunnel_port);
    if ((options.tunnel_flags & 1) != 0) return text + " --tun-csum";
    return text + ((options.tunnel_flags & 2) != 0 ? " --tun-remcsum" : " --tun-nocsum");
}

std::string server_settings(const ServerOptions& options) {
    std::string text =
        fmt::format(" {} -w {}", forwarding_argument(options.forwarding), options.weight);
    // ipvsadm itself forgets the thresholds here, though its -R reads them.
    if (options.upper_threshold != 0) text += fmt::format(" -x {}", options.upper_threshold);
    if (options.lower_threshold != 0) text += fmt::format(" -y {}", options.lower_threshold);
    return text + tunnel_settings(options);
}

}  // namespace

std::string print_commands(const ServiceListing& listing, const EndpointNames& names) {
    std::string out;
    for (const ServiceRow& row : listing.services) {
        const std::string service = service_argument(row.key, names);
        out += "-A " + service + service_settings(row.key, row.options) + "\n";
        for (const ServerRow& server : row.servers) {
            const auto& [address, port] = server.key;
            out += "-a " + service + " -r " + names.text(address, port, row.key.protocol) +
                   server_settings(server.options) + "\n";
        }
    }
    return out;
}

}  // namespace usher
