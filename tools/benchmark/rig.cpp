// SPDX-License-Identifier: BSD-3-Clause
#include "tools/benchmark/rig.hpp"

#include <algorithm>
#include <stdexcept>

namespace usher::bench {

namespace {

Be32 address_of(const char* text) {
    return IpAddress::parse(text)->v4();
}

AddressOf<Family::ipv6> ipv6_address_of(const char* text) {
    return IpAddress::parse(text)->bytes();
}

void add_ipv6_service(DesiredState& state, const AddressOf<Family::ipv6>& address,
                      const AddressOf<Family::ipv6>& server) {
    DesiredService service;
    service.options.scheduler = "rr";
    service.servers.push_back({});
    service.servers.back().key = {IpAddress(server), 80};
    service.created = service.servers_changed = ++state.revision;
    ServiceKey key;
    key.protocol = Protocol::udp;
    key.address = IpAddress(address);
    key.port = 80;
    state.services.emplace(key, std::move(service));
}

void add_service(DesiredState& state, std::uint8_t protocol, Be32 address, std::uint16_t port,
                 const Rig::Setup& setup) {
    DesiredService service;
    service.options.scheduler = setup.scheduler;
    for (unsigned i = 0; i < setup.servers; ++i) {
        ServerConfig server;
        const std::uint32_t first = address_of("10.0.0.100").host();
        server.key = {IpAddress(Be32::from_host(first + i)), port};
        server.options.weight = setup.weight;
        service.servers.push_back(server);
    }
    service.created = service.servers_changed = ++state.revision;
    ServiceKey key;
    key.protocol = static_cast<Protocol>(protocol);
    key.address = IpAddress(address);
    key.port = port;
    state.services.emplace(key, std::move(service));
}

}  // namespace

Rig::Rig(const Setup& setup)
    : address_(address_of("203.0.113.10")),
      server_(address_of("10.0.0.100")),
      ipv6_address_(ipv6_address_of("2001:db8:9::10")),
      ipv6_server_(ipv6_address_of("2001:db8:b::100")) {
    rte_mempool* pool = process_pool(kPoolPackets);
    DirectorInProcess::Options options;
    options.table_bits = setup.table_bits;
    options.server_neighbours = setup.servers;
    for (unsigned i = 0; i < setup.workers; ++i) {
        std::vector<PortAccess> ports;
        for (unsigned port = 0; port < 2; ++port) {
            sinks_.push_back(std::make_unique<Sink>(
                static_cast<std::uint16_t>(RTE_MAX_ETHPORTS - 1 - 2 * i - port)));
            ports.push_back(sinks_.back()->access());
        }
        options.ports.push_back(std::move(ports));
        wheels_.push_back(std::make_unique<Wheel>(pool));
    }
    box_ = std::make_unique<DirectorInProcess>(options);
    box_->worker().start();
    configure(setup);
}

void Rig::swap_macs(std::span<rte_mbuf*> packets, PortIndex) {
    for (rte_mbuf* packet : packets) {
        auto* frame = rte_pktmbuf_mtod(packet, std::uint8_t*);
        std::uint8_t kept[6];
        std::memcpy(kept, frame, 6);
        std::memcpy(frame, frame + 6, 6);
        std::memcpy(frame + 6, kept, 6);
    }
    rte_eth_tx_burst(RTE_MAX_ETHPORTS - 1, 0, packets.data(),
                     static_cast<std::uint16_t>(packets.size()));
}

void Rig::publish(DesiredState state) {
    box_->worker().stop();
    const auto published = box_->director().publish(std::move(state));
    box_->worker().start();
    if (!published) throw std::runtime_error(published.error().message);
}

std::uint64_t Rig::sent(PortIndex port) const {
    std::uint64_t packets = 0;
    for (std::size_t i = port; i < sinks_.size(); i += 2)
        packets += sinks_[i]->packets();
    return packets;
}

void Rig::establish(std::uint32_t first, std::uint32_t count, std::uint8_t protocol) {
    const auto pass = [&](std::uint8_t flags, PortIndex port) {
        const Header header = make_header({}, {protocol, flags});
        std::uint32_t n = first;
        play(
            count, header, port,
            [&] {
                // A burst that is too long ends in repetitions.
                const std::uint32_t mine = std::min(n++, first + count - 1);
                const Flow4 flow = client_flow(mine, address_, Be16::from_host(80));
                return port == 0 ? flow : answer(flow);
            },
            [&](std::span<rte_mbuf*> packets, PortIndex in) { turn(packets, in); });
    };
    pass(kSyn, 0);
    pass(kSyn | kAck, 1);
    pass(kAck, 0);
}

void Rig::establish_ipv6(std::uint32_t count) {
    const Header header = make_ipv6_header();
    for (const PortIndex port : {PortIndex{0}, PortIndex{1}}) {
        std::uint32_t n = 0;
        const auto flow = [&]() -> Flow6 {
            const Flow6 mine =
                client_flow(std::min(n++, count - 1), ipv6_address_, Be16::from_host(80));
            return port == 0 ? mine : answer(mine);
        };
        play(count, header, port, flow,
             [&](std::span<rte_mbuf*> packets, PortIndex in) { turn(packets, in); });
    }
}

void Rig::set_timeouts(const Timeouts& timeouts) {
    DesiredState state = box_->director().desired();
    state.timeouts = timeouts;
    ++state.revision;
    publish(std::move(state));
}

void Rig::configure(const Setup& setup) {
    DesiredState state = box_->director().desired();
    for (const std::uint8_t protocol : {std::uint8_t{6}, std::uint8_t{17}}) {
        add_service(state, protocol, address_, 80, setup);
        for (unsigned i = 0; i < setup.ports; ++i)
            add_service(state, protocol, address_, static_cast<std::uint16_t>(1000 + i), setup);
    }
    add_ipv6_service(state, ipv6_address_, ipv6_server_);
    const std::uint32_t others = address_of("203.1.0.0").host();
    for (unsigned i = 0; i < setup.services; ++i)
        add_service(state, 6, Be32::from_host(others + i), 80, setup);
    publish(std::move(state));
}

}  // namespace usher::bench
