// SPDX-License-Identifier: BSD-3-Clause
// Where the cycles of an established packet go: the worker's own stages, called one at a time as
// Worker::process calls them, between two readings of the TSC. What a reading itself takes is
// measured and subtracted. Reading keeps the stages of neighbouring bursts from overlapping in the
// processor, so the sum is a little more than the whole turn, which is measured beside it.
#include <fmt/core.h>

#include <array>
#include <utility>

#include "tools/benchmark/rig.hpp"

namespace usher {

// A friend of Worker: the body of process(), and what poll() does after it.
class StageProfile {
  public:
    static constexpr std::array kNames = {"read_headers", "look_up", "decide",
                                          "forward",      "upkeep",  "transmit flush"};
    using Cycles = std::array<std::uint64_t, kNames.size()>;

    explicit StageProfile(Worker& worker) : worker_(worker), reading_(cost_of_reading()) {}

    void turn(std::span<rte_mbuf* const> packets, PortIndex port, Ticks now) {
        Worker& w = worker_;
        w.snapshot_ = &w.plane_.snapshot();
        w.now_ = now;
        w.counters_.received.add(packets.size());
        Burst<Family::ipv4> burst;
        burst.port = port;
        last_ = rte_rdtsc();
        at_ = 0;
        timed([&] { w.read_headers(burst, packets); });
        timed([&] { w.look_up(burst); });
        timed([&] { w.decide(burst); });
        timed([&] { w.forward(burst); });
        timed([&] { w.upkeep(now); });
        timed([&] { w.transmit_.flush(); });
    }

    // Since the last time that it was asked.
    Cycles take() { return std::exchange(cycles_, {}); }

  private:
    template <class Stage>
    void timed(Stage stage) {
        stage();
        const std::uint64_t now = rte_rdtsc();
        cycles_[at_++] += now - last_ - reading_;
        last_ = now;
    }

    static std::uint64_t cost_of_reading() {
        constexpr int kTries = 10000;
        std::uint64_t least = UINT64_MAX;
        for (int i = 0; i < kTries; ++i) {
            const std::uint64_t begin = rte_rdtsc();
            least = std::min(least, rte_rdtsc() - begin);
        }
        return least;
    }

    Worker& worker_;
    const std::uint64_t reading_;
    std::uint64_t last_ = 0;
    std::size_t at_ = 0;
    Cycles cycles_{};
};

}  // namespace usher

namespace usher::bench {

namespace {

constexpr std::uint32_t kLadder[] = {1000, 64512, 1032192};
constexpr std::uint64_t kPackets = 4'000'000;

// Established packets, one direction a burst, time going by as it does in usherd.
template <class Turn>
void play(Rig& rig, Order& order, std::uint8_t protocol, std::uint64_t packets, Turn turn) {
    const Header header = make_header({}, {protocol, kAck});
    const std::uint64_t tick = rte_get_tsc_hz() / kTicksPerSecond;
    std::uint64_t next = rte_rdtsc() + tick;
    bool back = false;
    for (std::uint64_t done = 0; done < packets; done += Wheel::kBurst) {
        back = !back;
        if (rte_rdtsc() >= next) {
            next += tick;
            ++rig.box().now;
        }
        rig.play(
            Wheel::kBurst, header, back ? 1 : 0,
            [&] {
                const Flow4 flow = client_flow(order.next(), rig.address(), Be16::from_host(80));
                return back ? rig.answer(flow) : flow;
            },
            turn);
    }
}

void profile(Report& report, const Settings& settings, std::uint32_t flows, std::uint8_t protocol) {
    Rig::Setup setup;
    setup.table_bits = table_bits_for(flows);
    Rig rig(setup);
    rig.establish(0, flows, protocol);
    Order order(flows);
    StageProfile stages(rig.box().worker());
    const std::uint64_t packets = settings.quick ? kPackets / 8 : kPackets;
    std::uint64_t spent = 0;
    const auto by_stage = [&](std::span<rte_mbuf*> burst, PortIndex port) {
        stages.turn(burst, port, rig.box().now);
    };
    const auto as_shipped = [&](std::span<rte_mbuf*> burst, PortIndex port) {
        const std::uint64_t begin = rte_rdtsc();
        rig.turn(burst, port);
        spent += rte_rdtsc() - begin;
    };
    play(rig, order, protocol, packets / 2, by_stage);  // warm
    stages.take();

    std::array<std::vector<double>, StageProfile::kNames.size()> cycles;
    std::vector<double> sums, shipped;
    for (int i = 0; i < settings.repeats; ++i) {
        play(rig, order, protocol, packets, by_stage);
        const StageProfile::Cycles taken = stages.take();
        double sum = 0;
        for (std::size_t stage = 0; stage < cycles.size(); ++stage) {
            const double each = static_cast<double>(taken[stage]) / static_cast<double>(packets);
            cycles[stage].push_back(each);
            sum += each;
        }
        sums.push_back(sum);
        spent = 0;
        play(rig, order, protocol, packets, as_shipped);
        shipped.push_back(static_cast<double>(spent) / static_cast<double>(packets));
    }

    const std::string what = fmt::format("{} {}", protocol == 6 ? "tcp" : "udp", flows);
    const auto add = [&](const std::string& stage, const std::vector<double>& values) {
        Row row;
        row.name = fmt::format("{}: {}", what, stage);
        row.unit = "packet";
        row.total = figure_of(values);
        report.add(row);
    };
    for (std::size_t stage = 0; stage < cycles.size(); ++stage)
        add(StageProfile::kNames[stage], cycles[stage]);
    add("all stages", sums);
    add("a turn as shipped", shipped);
}

}  // namespace

void run_stages(Report& report, const Settings& settings) {
    for (const std::uint8_t protocol : {std::uint8_t{17}, std::uint8_t{6}})
        for (const std::uint32_t flows : kLadder) {
            if (settings.flows != 0 && settings.flows != flows) continue;
            if (settings.quick && flows != kLadder[0]) continue;
            profile(report, settings, flows, protocol);
        }
}

}  // namespace usher::bench
