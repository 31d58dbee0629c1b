// SPDX-License-Identifier: BSD-3-Clause
// Connections that come and go, with the table of 2^20 otherwise 10 % and 90 % full: whole TCP
// lives (SYN, SYN-ACK, ACK, data both ways, FIN, FIN, ACK, expiry), and first packets of UDP.
// What is timed is the packets and, once all of a batch are over, a second of upkeep: as with
// 65,536 new connections a second, each sweep finds as many that are over.
#include <fmt/core.h>

#include "tools/benchmark/rig.hpp"

namespace usher::bench {

namespace {

constexpr unsigned kBits = 20;
constexpr std::uint32_t kBatch = 65536;
constexpr std::uint32_t kFirst = 1U << 22;  // clients that are not among the established ones

struct Step {
    std::uint8_t flags;
    PortIndex port;
};
constexpr Step kLife[] = {{kSyn, 0},        {kSyn | kAck, 1}, {kAck, 0},        {0x08 | kAck, 0},
                          {0x08 | kAck, 1}, {kFin | kAck, 0}, {kFin | kAck, 1}, {kAck, 0}};

// kBatch lives, a burst of 32 connections after the other, each step of all 32 before the next.
template <class Turn>
void live(Rig& rig, std::uint32_t first, Turn turn) {
    Header headers[std::size(kLife)];
    for (std::size_t i = 0; i < std::size(kLife); ++i)
        headers[i] = make_header({}, {6, kLife[i].flags});
    for (std::uint32_t done = 0; done < kBatch; done += Wheel::kBurst)
        for (std::size_t i = 0; i < std::size(kLife); ++i) {
            std::uint32_t n = first + done;
            rig.play(
                Wheel::kBurst, headers[i], kLife[i].port,
                [&] {
                    const Flow4 flow = client_flow(n++, rig.address(), Be16::from_host(80));
                    return kLife[i].port == 0 ? flow : rig.answer(flow);
                },
                turn);
        }
}

template <class Turn>
void knock(Rig& rig, std::uint32_t first, Turn turn) {
    std::uint32_t n = first;
    rig.play(
        kBatch, make_header({}, {17, 0}), 0,
        [&] { return client_flow(n++, rig.address(), Be16::from_host(80)); }, turn);
}

void run_fill(Report& report, const Settings& settings, unsigned percent) {
    Rig::Setup setup;
    setup.table_bits = kBits;
    Rig rig(setup);
    Timeouts timeouts;
    timeouts.tcp = 2678400;  // those who fill the table stay
    rig.set_timeouts(timeouts);
    rig.establish(0, static_cast<std::uint32_t>((std::uint64_t{1} << kBits) * percent / 100), 6);

    const auto nothing = [](std::span<rte_mbuf*>, PortIndex) {};
    const auto work = [&](std::span<rte_mbuf*> packets, PortIndex port) {
        rig.turn(packets, port);
    };
    std::uint32_t first = kFirst;
    std::vector<double> expiries;
    const auto batch = [&](auto play, auto turn, std::uint32_t timeout) {
        std::vector<double> values;
        expiries.clear();
        for (int i = 0; i < settings.repeats; ++i) {
            values.push_back(cycles_of([&] { play(rig, first, turn); }) / kBatch);
            first += kBatch;
            if (timeout == 0) continue;
            rig.wait(timeout);
            expiries.push_back(cycles_of([&] { rig.pass_second(); }) / kBatch);
            values.back() += expiries.back();
        }
        return figure_of(values);
    };
    const auto of_it = [&] {
        return fmt::format("{:.0f} of it expiry", figure_of(expiries).median);
    };
    const auto lives = [](Rig& r, std::uint32_t n, auto turn) { live(r, n, turn); };
    const auto knocks = [](Rig& r, std::uint32_t n, auto turn) { knock(r, n, turn); };

    Row tcp;
    tcp.name = fmt::format("connect tcp life, table {} % full", percent);
    tcp.unit = "connection";
    tcp.generator = batch(lives, nothing, 0).median;
    tcp.mac_swap = batch(lives, Rig::swap_macs, 0).median;
    const std::uint64_t before = rig.sent();
    tcp.total = batch(lives, work, 120);
    tcp.remark = of_it();
    const std::uint64_t expected =
        std::uint64_t{8} * kBatch * static_cast<unsigned>(settings.repeats);
    // Nearly full, one connection in some millions finds no place (connection_table.hpp).
    const std::uint64_t lost = expected - (rig.sent() - before);
    tcp.lost = lost > expected / 100000 ? lost : 0;
    report.add(tcp);

    Row udp;
    udp.name = fmt::format("connect udp first, table {} % full", percent);
    udp.unit = "packet";
    udp.generator = batch(knocks, nothing, 0).median;
    udp.mac_swap = batch(knocks, Rig::swap_macs, 0).median;
    const std::uint64_t sent = rig.sent();
    udp.total = batch(knocks, work, 300);
    const std::uint64_t knocked = std::uint64_t{kBatch} * static_cast<unsigned>(settings.repeats);
    const std::uint64_t unanswered = knocked - (rig.sent() - sent);
    udp.lost = unanswered > knocked / 100000 ? unanswered : 0;
    udp.remark = of_it();
    report.add(udp);
}

}  // namespace

void run_connect(Report& report, const Settings& settings) {
    for (const unsigned percent : {10U, 90U})
        run_fill(report, settings, percent);
}

}  // namespace usher::bench
