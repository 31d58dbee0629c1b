// SPDX-License-Identifier: BSD-3-Clause
// Who else on this box might want the services' packets.
#include <fmt/format.h>

#include <algorithm>
#include <set>

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

}  // namespace

void check_addresses(const Config& config, const Machine& machine, Findings& findings) {
    check_presence(config, machine, findings);
    check_ipvs(config, machine, findings);
    check_listeners(config, machine, findings);
}

}  // namespace usher
