// SPDX-License-Identifier: BSD-3-Clause
// A worker with company: changes published while it forwards, spoofed SYNs into a full table, and
// a second worker at the same table.
#include <fmt/core.h>

#include <atomic>
#include <thread>

#include "tools/benchmark/rig.hpp"

namespace usher::bench {

namespace {

constexpr std::uint32_t kFlows = 64512;
constexpr std::uint64_t kPackets = 4'000'000;

// What worker `id` forwards: flows in [first, first + count), forth, back, or both in turn.
struct Share {
    std::uint32_t first = 0;
    std::uint32_t count = kFlows;
    bool forth = true, back = true;
};

// Calls turn(burst, port) for `packets` packets of a share. Cycles a packet.
template <class Turn>
double play(Rig& rig, unsigned id, const Share& share, std::uint64_t packets, Turn turn) {
    Order order(share.count);
    const Header header = make_header({}, {17, 0});
    const std::uint64_t begin = rte_rdtsc_precise();
    bool back = share.back;
    for (std::uint64_t done = 0; done < packets; done += Wheel::kBurst) {
        if (share.forth && share.back) back = !back;
        rig.play(
            Wheel::kBurst, header, back ? 1 : 0,
            [&] {
                const Flow4 flow =
                    client_flow(share.first + order.next(), rig.address(), Be16::from_host(80));
                return back ? rig.answer(flow) : flow;
            },
            turn, id);
    }
    return static_cast<double>(rte_rdtsc_precise() - begin) / static_cast<double>(packets);
}

// What making the packets takes, and that with a MAC swap.
struct Floors {
    double generator, mac_swap;

    void put_into(Row& row) const {
        row.generator = generator;
        row.mac_swap = mac_swap;
    }
};

constexpr auto kNothing = [](std::span<rte_mbuf*>, PortIndex) {};

Floors floors(Rig& rig, const Settings& settings, const Share& share, std::uint64_t packets) {
    const auto figure = [&](auto turn) {
        std::vector<double> values;
        for (int i = 0; i < settings.repeats; ++i)
            values.push_back(play(rig, 0, share, packets, turn));
        return figure_of(values).median;
    };
    return {figure(kNothing), figure(Rig::swap_macs)};
}

// By a worker, in a thread of its own or this one. It is off line afterwards.
double forward(Rig& rig, unsigned id, const Share& share, std::uint64_t packets) {
    rig.box().worker(id).start();
    Rig::Clock clock = rig.clock();
    const double cycles =
        play(rig, id, share, packets, [&](std::span<rte_mbuf*> burst, PortIndex port) {
            rig.turn(burst, port, id, clock.now());
        });
    rig.box().worker(id).stop();
    return cycles;
}

double two_workers(Rig& rig, const Share& a, const Share& b, std::uint64_t packets) {
    double cycles[2] = {0, 0};
    std::thread other([&] {
        pin_to(Core::first);
        cycles[1] = forward(rig, 1, b, packets);
    });
    cycles[0] = forward(rig, 0, a, packets);
    other.join();
    return (cycles[0] + cycles[1]) / 2;
}

// Meanwhile: `what`, by a thread that is no worker's, until the traffic has been forwarded `rounds`
// times. What was lost of it.
template <class What>
std::uint64_t with_traffic(Rig& rig, int rounds, std::uint64_t packets, std::vector<double>& cycles,
                           What what) {
    std::atomic<bool> done{false};
    const std::uint64_t before = rig.sent();
    std::thread traffic([&] {
        for (int i = 0; i < rounds; ++i)
            cycles.push_back(forward(rig, 0, {}, packets));
        done = true;
    });
    pin_to(Core::first);
    while (!done)
        what();
    traffic.join();
    pin_to(Core::last);
    return packets * static_cast<unsigned>(rounds) - (rig.sent() - before);
}

DesiredState with_many_services(DesiredState state, unsigned services, unsigned servers) {
    for (unsigned i = 0; i < services; ++i) {
        ServiceKey key;
        key.address = IpAddress(Be32::from_host(0xcb020000 + i));
        key.port = 80;
        DesiredService& service = state.services[key];
        for (unsigned j = 0; j < servers; ++j) {
            ServerConfig server;
            server.key = {IpAddress(Be32::from_host(0x0a000064 + j)), 80};
            service.servers.push_back(server);
        }
        service.created = service.servers_changed = ++state.revision;
    }
    return state;
}

// Time that publishing takes while a worker forwards; the worker's packets are all to come through.
void publish_many(Report& report, const Settings& settings) {
    const unsigned services = settings.quick ? 1000 : 10000;
    std::vector<double> milliseconds;
    Row row;
    for (int i = 0; i < settings.repeats; ++i) {
        Rig rig({});
        rig.establish(0, kFlows, 17);
        DesiredState state = with_many_services(rig.box().director().desired(), services, 10);
        std::vector<double> cycles;
        bool published = false;
        row.lost += with_traffic(rig, 1, kPackets, cycles, [&] {
            if (published) return std::this_thread::yield();
            const std::uint64_t begin = rte_rdtsc_precise();
            static_cast<void>(rig.box().director().publish(std::move(state)));
            milliseconds.push_back(static_cast<double>(rte_rdtsc_precise() - begin) * 1e3 /
                                   static_cast<double>(rte_get_tsc_hz()));
            published = true;
        });
    }
    row.name = fmt::format("publishing {} services of 10 servers", services);
    row.unit = "ms";
    row.total = figure_of(milliseconds);
    report.add(row);
}

}  // namespace

void run_churn(Report& report, const Settings& settings) {
    Rig rig({});
    rig.establish(0, kFlows, 17);
    const std::uint64_t packets = settings.quick ? kPackets / 4 : 4 * kPackets;
    const Floors floor = floors(rig, settings, {}, kPackets);
    for (const unsigned changes : {0U, 1U, 100U, 1000U}) {
        std::vector<double> cycles;
        std::uint64_t published = 0;
        const auto change = [&] {
            std::this_thread::sleep_for(
                std::chrono::microseconds(changes ? 1000000 / changes : 1000));
            if (changes == 0) return;
            DesiredState state = rig.box().director().desired();
            for (auto& [key, service] : state.services) {
                service.servers.front().options.weight =
                    static_cast<std::uint32_t>(1 + published % 7);
                service.servers_changed = ++state.revision;
            }
            static_cast<void>(rig.box().director().publish(std::move(state)));
            ++published;
        };
        Row row;
        row.lost = with_traffic(rig, settings.repeats, packets, cycles, change);
        row.name = fmt::format("churn {} changes a second", changes);
        row.unit = "packet";
        floor.put_into(row);
        row.total = figure_of(cycles);
        row.remark = fmt::format("{} published", published);
        report.add(row);
    }
    publish_many(report, settings);
}

void run_flood(Report& report, const Settings& settings) {
    Rig::Setup setup;
    setup.table_bits = 18;
    Rig rig(setup);
    rig.establish(0, kFlows, 6);
    const Header answer = make_header({}, {6, kAck});
    const Header syn = make_header({}, {6, kSyn});
    Order order(kFlows);
    std::uint32_t spoofed = 1U << 22;
    const std::uint64_t rounds = (settings.quick ? kPackets / 8 : kPackets) / Wheel::kBurst / 2;
    const auto established = [&](auto turn) {
        rig.play(
            Wheel::kBurst, answer, 1,
            [&] {
                return rig.answer(client_flow(order.next(), rig.address(), Be16::from_host(80)));
            },
            turn);
    };
    Rig::Clock clock = rig.clock();
    const auto by_worker = [&](std::span<rte_mbuf*> burst, PortIndex port) {
        rig.turn(burst, port, 0, clock.now());
    };
    const auto flood = [&] {
        rig.play(
            2 * Wheel::kBurst, syn, 0,
            [&] { return client_flow(spoofed++, rig.address(), Be16::from_host(80)); }, by_worker);
    };
    const auto each = [&](auto turn, auto what) {
        std::vector<double> cycles;
        for (int i = 0; i < settings.repeats; ++i) {
            std::uint64_t spent = 0;
            for (std::uint64_t r = 0; r < rounds; ++r) {
                const std::uint64_t begin = rte_rdtsc();
                established(turn);
                spent += rte_rdtsc() - begin;
                what();
            }
            cycles.push_back(static_cast<double>(spent) /
                             static_cast<double>(rounds * Wheel::kBurst));
        }
        return figure_of(cycles);
    };
    Row quiet;
    quiet.name = "flood: established, before it";
    quiet.unit = "packet";
    const Floors floor{each(kNothing, [] {}).median, each(Rig::swap_macs, [] {}).median};
    floor.put_into(quiet);
    quiet.total = each(by_worker, [] {});
    report.add(quiet);
    for (std::uint32_t i = 0; i < (1U << 18) / Wheel::kBurst; ++i)
        flood();  // until it is full

    Row row;
    row.name = "flood: established, two SYNs each";
    row.unit = "packet";
    const std::uint64_t before = rig.sent(0);
    floor.put_into(row);
    row.total = each(by_worker, flood);
    const std::uint64_t played = rounds * Wheel::kBurst * static_cast<unsigned>(settings.repeats);
    row.lost = played - (rig.sent(0) - before);
    const WorkerCounters& counters = rig.box().worker().counters();
    row.remark = fmt::format("{} half-open evicted, {} SYNs refused", counters.evicted.read(),
                             counters.drops[static_cast<std::size_t>(Drop::table_full)].read());
    report.add(row);
}

void run_two_workers(Report& report, const Settings& settings) {
    for (const std::uint32_t flows : {1000U, kFlows, 1032192U}) {
        if (settings.quick && flows != kFlows) continue;
        Rig::Setup setup;
        setup.table_bits = table_bits_for(flows);
        setup.workers = 2;
        Rig rig(setup);
        rig.establish(0, flows, 17);
        const std::uint64_t packets = settings.quick ? kPackets / 8 : kPackets;
        const Floors floor = floors(rig, settings, {0, flows}, packets);
        std::vector<double> alone, apart, split;
        for (int i = 0; i < settings.repeats; ++i) {
            alone.push_back(forward(rig, 0, {0, flows}, packets));
            apart.push_back(two_workers(rig, {0, flows / 2}, {flows / 2, flows / 2}, packets));
            split.push_back(
                two_workers(rig, {0, flows, true, false}, {0, flows, false, true}, packets));
        }
        const auto add = [&](const char* name, const std::vector<double>& cycles) {
            Row row;
            row.name = fmt::format("two-workers {} {}", flows, name);
            row.unit = "packet";
            floor.put_into(row);
            row.total = figure_of(cycles);
            row.remark = fmt::format("{:.2f} times one worker's packets",
                                     2 * figure_of(alone).median / row.total.median);
            if (&cycles == &alone) row.remark.clear();
            report.add(row);
        };
        add("one alone", alone);
        add("flows kept apart", apart);
        add("directions split", split);
    }
}

}  // namespace usher::bench
