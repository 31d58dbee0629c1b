// SPDX-License-Identifier: BSD-3-Clause
// First packets: with many services, with many ports on one address, and with many real servers
// for each scheduler. SYNs of new clients; the entries expire between the rounds, outside the time.
#include <fmt/core.h>

#include "schedulers/registry.hpp"
#include "tools/benchmark/rig.hpp"

namespace usher::bench {

namespace {

constexpr std::uint32_t kBatch = 65536;

struct Target {
    Be32 address;
    Be16 port;
};

template <class TargetOf>
void run_one(Report& report, const Settings& settings, const std::string& name,
             const Rig::Setup& setup, TargetOf target_of) {
    Rig rig(setup);
    std::uint32_t n = 0;
    const Header header = make_header({}, {6, kSyn});
    const auto round = [&](auto turn) {
        return measure(1,
                       [&] {
                           rig.play(
                               kBatch, header, 0,
                               [&] {
                                   const Target target = target_of(rig, n);
                                   return client_flow(n++, target.address, target.port);
                               },
                               turn);
                           return kBatch;
                       })
            .median;
    };
    std::vector<double> floor, generator, total;
    for (int i = 0; i < settings.repeats; ++i)
        floor.push_back(round(Rig::swap_macs));
    const std::uint64_t before = rig.sent();
    for (int i = 0; i < settings.repeats; ++i) {
        generator.push_back(round([](std::span<rte_mbuf*>, PortIndex) {}));
        total.push_back(
            round([&](std::span<rte_mbuf*> packets, PortIndex port) { rig.turn(packets, port); }));
        rig.expire(61);
        rig.expire(1);  // and what that freed is collected
    }
    Row row;
    row.name = name;
    row.unit = "packet";
    row.generator = figure_of(generator).median;
    row.mac_swap = figure_of(floor).median;
    row.total = figure_of(total);
    const std::uint64_t expected = std::uint64_t{kBatch} * static_cast<unsigned>(settings.repeats);
    row.lost = expected - (rig.sent() - before);
    report.add(row);
}

Target the_service(const Rig& rig, std::uint32_t) {
    return {rig.address(), Be16::from_host(80)};
}

}  // namespace

void run_services(Report& report, const Settings& settings) {
    for (const unsigned services : {1U, 1000U, 10000U}) {
        Rig::Setup setup;
        setup.services = services;
        const std::uint32_t first = IpAddress::parse("203.1.0.0")->v4().host();
        run_one(report, settings, fmt::format("services {}", services), setup,
                [=](const Rig&, std::uint32_t n) {
                    const std::uint32_t which = n * 2654435761U % services;
                    return Target{Be32::from_host(first + which), Be16::from_host(80)};
                });
    }
    Rig::Setup setup;
    setup.ports = 500;
    run_one(report, settings, "services 500 ports on one address", setup,
            [](const Rig& rig, std::uint32_t n) {
                const auto port = static_cast<std::uint16_t>(1000 + n * 2654435761U % 500);
                return Target{rig.address(), Be16::from_host(port)};
            });
}

void run_servers(Report& report, const Settings& settings) {
    for (const SchedulerKind& kind : scheduler_kinds())
        for (const unsigned servers : {3U, 100U, 1000U}) {
            Rig::Setup setup;
            setup.servers = servers;
            setup.scheduler = kind.name;
            // To ovf a weight is how many connections a server takes: room for all of them.
            if (setup.scheduler == "ovf") setup.weight = 1U << 20;
            run_one(report, settings, fmt::format("servers {} {}", kind.name, servers), setup,
                    the_service);
        }
}

}  // namespace usher::bench
