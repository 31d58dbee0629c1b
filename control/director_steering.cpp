// SPDX-License-Identifier: BSD-3-Clause
// What RunningDirector tells the XDP programs: which packets are the workers'.
#include <algorithm>
#include <array>

#include "conf/rules.hpp"
#include "control/running_director.hpp"

namespace usher {

namespace {

// A rule has an entry for each protocol, at most.
static_assert(STEERING_MAX_MARKED >= 3 * kMaxMarkRules);

constexpr std::array<std::uint8_t, 16> kAnyIpv6{};

// Where packets go that a rule may give the mark of a service.
std::vector<MarkedDestination> marked_destinations(const DesiredState& desired) {
    std::vector<MarkedDestination> marked;
    for (const MarkRule& rule : desired.marks) {
        ServiceKey service;
        service.fwmark = rule.mark;
        service.protocol = Protocol::ip;
        service.address = rule.family == Family::ipv4 ? IpAddress() : IpAddress(kAnyIpv6);
        if (!desired.services.contains(service)) continue;
        const Prefix anywhere = Prefix::of(service.address, 0);
        for (const Protocol protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp})
            if (!rule.protocol || rule.protocol == protocol)
                marked.push_back({protocol, rule.destination.value_or(anywhere),
                                  rule.destination_ports.first, rule.destination_ports.last});
    }
    return marked;
}

// Where a service's servers have FTP control connections, and the active ones' data port.
void add_ftp_servers(std::vector<SteeredEndpoint>& servers, const ServiceKey& key,
                     const DesiredService& service) {
    const std::uint16_t asked_for = service.options.ftp_control_port(key);
    if (asked_for == 0) return;
    for (const DesiredServer& server : service.servers) {
        const std::uint16_t port = server.key.port != 0 ? server.key.port : asked_for;
        servers.push_back({Protocol::tcp, server.key.address, port, true});
        servers.push_back(
            {Protocol::tcp, server.key.address, static_cast<std::uint16_t>(port - 1)});
    }
}

}  // namespace

// Answers of servers that are deleted but still have connections go to the workers, too.
Result<void> RunningDirector::steer(const DesiredState& desired) {
    if (parts_.steering.empty()) return {};
    SteeringSet wanted;
    const auto has_service = [&](Family family) {
        return std::any_of(desired.services.begin(), desired.services.end(),
                           [&](const auto& each) { return each.first.family() == family; });
    };
    const bool has_ipv4 = has_service(Family::ipv4), has_ipv6 = has_service(Family::ipv6);
    for (const auto& [key, service] : desired.services)
        if (key.fwmark == 0)
            wanted.services.push_back({key.protocol, key.address, key.port,
                                       service.options.has_ftp_helper(key.protocol, key.port)});
    for (const auto& [service, servers] : slots_.held()) {
        const bool marked = service.fwmark != 0;
        // Deleted, with connections: their packets are the workers' to drop.
        if (!marked && (service.family() == Family::ipv4 ? has_ipv4 : has_ipv6))
            wanted.services.push_back({service.protocol, service.address, service.port});
        for (const auto& [server, slot] : servers) {
            wanted.servers.push_back(
                {marked ? Protocol::tcp : service.protocol, server.address, server.port});
            if (!marked) continue;
            wanted.servers.push_back({Protocol::udp, server.address, server.port});
            wanted.servers.push_back({Protocol::sctp, server.address, server.port});
        }
    }
    for (const auto& [key, service] : desired.services)
        add_ftp_servers(wanted.servers, key, service);
    wanted.marked = marked_destinations(desired);
    wanted.other =
        desired.other == OtherTraffic::drop ? OtherPackets::to_worker : OtherPackets::to_kernel;
    wanted.inside = masquerade_plan_.inside;
    wanted.outside = outside_.held();
    for (const KernelAddress& address : parts_.kernel->network().addresses)
        wanted.local_addresses.push_back(address.address);
    for (const auto& [ifindex, link] : parts_.kernel->network().links)
        wanted.local_macs.push_back(link.mac);
    for (auto& [port, interface] : parts_.steering) {
        set_tags(wanted, port);
        if (auto updated = interface.update(wanted); !updated) return updated;
    }
    return {};
}

void RunningDirector::set_tags(SteeringSet& wanted, PortIndex port) const {
    wanted.untagged = parts_.interfaces[port].takes_untagged ? Untagged::ours : Untagged::kernels;
    wanted.vlans.clear();
    for (const PlannedPort& each : parts_.interfaces)
        if (each.vlan.id != 0 && each.vlan.parent == port) wanted.vlans.push_back(each.vlan.id);
}

}  // namespace usher
