// SPDX-License-Identifier: BSD-3-Clause
#include "tools/benchmark/rig.hpp"

#include <stdexcept>

namespace usher::bench {

namespace {

Be32 address_of(const char* text) {
    return IpAddress::parse(text)->v4();
}

void add_service(DesiredState& state, std::uint8_t protocol, Be32 address, std::uint16_t port,
                 const Rig::Setup& setup) {
    DesiredService service;
    service.options.scheduler = setup.scheduler;
    for (unsigned i = 0; i < setup.servers; ++i) {
        ServerConfig server;
        const std::uint32_t first = address_of("10.0.0.100").host();
        server.key = {IpAddress(Be32::from_host(first + i)), port};
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
      ext_(RTE_MAX_ETHPORTS - 1),
      int_(RTE_MAX_ETHPORTS - 2) {
    rte_mempool* pool = process_pool(kPoolPackets);
    DirectorInProcess::Options options;
    options.table_bits = setup.table_bits;
    options.workers = setup.workers;
    options.ports = {ext_.access(), int_.access()};
    options.server_neighbours = setup.servers;
    box_ = std::make_unique<DirectorInProcess>(options);
    for (unsigned i = 0; i < setup.workers; ++i)
        wheels_.push_back(std::make_unique<Wheel>(pool));
    configure(setup);
}

void Rig::configure(const Setup& setup) {
    DesiredState state = box_->director().desired();
    for (const std::uint8_t protocol : {std::uint8_t{6}, std::uint8_t{17}}) {
        add_service(state, protocol, address_, 80, setup);
        for (unsigned i = 0; i < setup.ports; ++i)
            add_service(state, protocol, address_, static_cast<std::uint16_t>(1000 + i), setup);
    }
    const std::uint32_t others = address_of("203.1.0.0").host();
    for (unsigned i = 0; i < setup.services; ++i)
        add_service(state, 6, Be32::from_host(others + i), 80, setup);
    if (const auto published = box_->director().publish(std::move(state)); !published)
        throw std::runtime_error(published.error().message);
}

}  // namespace usher::bench
