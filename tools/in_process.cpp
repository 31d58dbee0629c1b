// SPDX-License-Identifier: BSD-3-Clause
#include "tools/in_process.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "control/commands.hpp"
#include "control/log.hpp"
#include "dataplane/eal.hpp"

namespace usher {

namespace {

IpAddress ip(const std::string& text) {
    return *IpAddress::parse(text);
}

void add_neighbour(Config& config, const IpAddress& address, const char* interface) {
    const auto number = static_cast<std::uint32_t>(config.neighbours.size() + 1);
    const MacAddress mac{
        {2, 0, 0, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)}};
    config.neighbours.push_back({address, mac, interface});
}

struct Side {
    const char *name, *v4, *v6;
};

void add_side(Config& config, const Side& side) {
    InterfaceConfig interface;
    interface.name = side.name;
    interface.attach = AttachKind::device;
    interface.addresses = {side.v4, side.v6};
    config.interfaces.push_back(interface);
}

std::vector<VlanPort> add_vlans(Config& config) {
    add_side(config, {"vext", "198.18.10.1/24", "2001:db8:10::1/64"});
    add_side(config, {"vint", "198.18.20.1/24", "2001:db8:20::1/64"});
    for (const char* address : {"198.18.10.7", "2001:db8:10::7"})
        add_neighbour(config, ip(address), "vext");
    for (const char* address :
         {"198.18.20.100", "198.18.20.101", "2001:db8:20::100", "2001:db8:20::101"})
        add_neighbour(config, ip(address), "vint");
    return {{0, 10}, {0, 20}};
}

Config wiring(const DirectorInProcess::Options& options) {
    Config config;
    config.log.level = LogLevel::error;
    add_side(config, {"ext", "198.51.100.1/24", "2001:db8:a::1/64"});
    add_side(config, {"int", "10.0.0.1/16", "2001:db8:b::1/64"});
    const auto neighbour = [&](const IpAddress& address, const char* interface) {
        add_neighbour(config, address, interface);
    };
    for (int i = 2; i < 10; ++i)
        neighbour(ip("198.51.100." + std::to_string(i)), "ext");
    neighbour(ip("198.51.100.254"), "ext");
    neighbour(ip("2001:db8:a::fe"), "ext");
    for (std::uint32_t i = 0; i < options.server_neighbours; ++i) {
        neighbour(IpAddress(Be32::from_host(ip("10.0.0.100").v4().host() + i)), "int");
        neighbour(ip(fmt::format("2001:db8:b::{:x}", 0x100 + i)), "int");
    }
    config.routes = options.routes;
    if (!options.default_routes) return config;
    config.routes.push_back({Prefix::of(ip("0.0.0.0"), 0), ip("198.51.100.254"), "ext"});
    config.routes.push_back({Prefix::of(ip("::"), 0), ip("2001:db8:a::fe"), "ext"});
    return config;
}

}  // namespace

rte_mempool* process_pool(unsigned packets, std::size_t other_bytes) {
    static rte_mempool* const kPool = [=] {
        EalConfig config;
        config.packets = packets;
        config.other_bytes = other_bytes;
        const auto eal = start_eal(config);
        const auto made = eal ? make_packet_pool("process", packets, 0, -1, PacketLayout::dense)
                              : Result<rte_mempool*>(tl::unexpected(eal.error()));
        if (made) return *made;
        std::fprintf(stderr, "DPDK does not start: %s\n", made.error().message.c_str());
        std::exit(1);
    }();
    return kPool;
}

DirectorInProcess::DirectorInProcess(const Options& options) {
    process_pool();
    Config config = wiring(options);
    std::vector<VlanPort> vlans;
    if (options.vlans) vlans = add_vlans(config);
    set_log(config.log);
    plane_ =
        std::make_unique<DataPlane>(options.table_bits, static_cast<unsigned>(options.ports.size()),
                                    options.seed, options.fragments);
    DirectorParts parts{*plane_, {}, {}, [this] { return now; }, {}, {}, nullptr, {}};
    for (unsigned id = 0; id < options.ports.size(); ++id) {
        workers_.push_back(std::make_unique<Worker>(*plane_, id, options.ports[id], vlans));
        parts.workers.push_back(workers_.back().get());
        parts.cores.push_back(id);
    }
    for (const auto& interface : config.interfaces) {
        const auto last = static_cast<std::uint8_t>(0xe0 + parts.interfaces.size());
        parts.interfaces.push_back({interface.name, 0, MacAddress{{2, 0, 0, 0, 0, last}}, 1500});
    }
    director_ = std::make_unique<RunningDirector>(std::move(parts), config, "",
                                                  [config] { return Result<Config>(config); });
    static_cast<void>(director_->begin());
}

DirectorInProcess::~DirectorInProcess() = default;

std::string DirectorInProcess::request(std::string_view line) {
    return handle_line(line, *director_);
}

}  // namespace usher
