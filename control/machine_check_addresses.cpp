// SPDX-License-Identifier: BSD-3-Clause
// Who else on this box might want the services' packets.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "conf/masquerade.hpp"
#include "control/machine_check.hpp"

namespace usher {

namespace {

void check_presence(const Config& config, const Machine& machine, Findings& findings) {
    if (!machine.addresses) return;
    std::set<IpAddress> absent;
    for (const ServiceConfig& service : config.services)
        if (service.key.fwmark == 0 && !machine.addresses->contains(service.key.address))
            absent.insert(service.key.address);
    for (const IpAddress& address : absent)
        findings.push_back(
            {Grade::advice, fmt::format("{} is none of the box's addresses", address.to_string()),
             fmt::format("ip addr add {}/{} dev INTERFACE, unless routers send it here or "
                         "keepalived adds it",
                         address.to_string(), address.bits())});
}

void check_ipvs(const Config& config, const Machine& machine, Findings& findings) {
    for (const ServiceConfig& service : config.services) {
        const bool there =
            std::find(machine.ipvs.begin(), machine.ipvs.end(), service.key) != machine.ipvs.end();
        if (there)
            findings.push_back({Grade::advice,
                                fmt::format("{} is a service of the kernel's IPVS, too, which "
                                            "gets its packets whenever usherd does not run",
                                            service.key.to_string()),
                                "/usr/sbin/ipvsadm -C, if that is not wanted"});
    }
}

// One that listens on every address may well mean others: nothing is said of it.
void check_listeners(const Config& config, const Machine& machine, Findings& findings) {
    for (const ServiceConfig& service : config.services) {
        const Listener here{service.key.protocol, service.key.address, service.key.port};
        if (std::find(machine.listeners.begin(), machine.listeners.end(), here) ==
            machine.listeners.end())
            continue;
        findings.push_back({Grade::advice,
                            fmt::format("a program of this box waits on {} and will not hear "
                                        "anything: the service has its packets",
                                        service.key.to_string()),
                            "`ss -tulnp` shows which; let it wait elsewhere"});
    }
}

// The start refuses them.
void check_servers(const Config& config, const Machine& machine, Findings& findings) {
    if (!machine.addresses) return;
    for (const ServiceConfig& service : config.services)
        for (const ServerConfig& server : service.servers)
            if (machine.addresses->contains(server.key.address))
                findings.push_back({Grade::error,
                                    fmt::format("{}: the server {} is the box itself",
                                                service.key.to_string(), server.key.to_string()),
                                    "name servers of other machines only"});
}

bool is_of_box(const MasqueradeRule& rule, const std::optional<std::set<IpAddress>>& box) {
    if (rule.outside.empty()) return true;
    return box && std::any_of(rule.outside.begin(), rule.outside.end(), [&](const auto& range) {
               const auto first = box->lower_bound(range.first);
               return first != box->end() && *first <= range.last;
           });
}

// An answer to a port that Linux took for the box itself would be masqueraded.
void check_local_ports(const Config& config, const Machine& machine, Findings& findings) {
    if (!machine.local_ports) return;
    const PortRange& local = *machine.local_ports;
    const std::vector<unsigned> reserved = read_cpu_list(machine.reserved_ports);
    const std::set<unsigned> spared(reserved.begin(), reserved.end());
    std::set<std::pair<unsigned, unsigned>> said;
    for (const MasqueradeRule& rule : config.masquerade) {
        const PortRange ports = rule.ports.value_or(kPortsOfOwnAddress);
        const unsigned first = std::max(local.first, ports.first);
        const unsigned last = std::min(local.last, ports.last);
        unsigned both = 0;
        for (unsigned port = first; port <= last; ++port)
            both += spared.contains(port) ? 0 : 1;
        if (both == 0 || !is_of_box(rule, machine.addresses)) continue;
        if (!said.insert({first, last}).second) continue;
        findings.push_back(
            {Grade::advice,
             fmt::format("Linux takes ports {}-{} for the box's own connections, and of its "
                         "addresses masquerading has {}-{}: connections from these get no answer",
                         local.first, local.last, ports.first, ports.last),
             fmt::format("sysctl -w net.ipv4.ip_local_reserved_ports={}{}{}-{}",
                         machine.reserved_ports, machine.reserved_ports.empty() ? "" : ",", first,
                         last)});
    }
}

}  // namespace

void check_addresses(const Config& config, const Machine& machine, Findings& findings) {
    check_presence(config, machine, findings);
    check_servers(config, machine, findings);
    check_ipvs(config, machine, findings);
    check_listeners(config, machine, findings);
    check_local_ports(config, machine, findings);
}

}  // namespace usher
