// SPDX-License-Identifier: BSD-3-Clause
// usherd itself, as it is shipped, on a device that replays a capture from memory and drops what is
// sent: one worker, one arm, all that a packet costs. Beside it testpmd's plain io forwarding and
// the least that a program can do, on the same file, in turn on the same core.
#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "tools/benchmark/forwarders.hpp"
#include "tools/benchmark/pcap_capture.hpp"
#include "tools/benchmark/pcap_io.hpp"
#include "tools/benchmark/rig.hpp"

namespace usher::bench {

namespace {

constexpr OneArmTraffic kSteps[] = {{17, 1000}, {17, 10000}, {17, 100000}, {6, 1000}};
constexpr std::uint64_t kIoPackets = 8'000'000;
constexpr int kTries = 600;  // of 100 ms, for all flows to be known

void await_connections(RunningUsherd& usherd, std::uint32_t count) {
    for (int i = 0; i < kTries; ++i) {
        if (usherd.connections() == count) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    throw std::runtime_error("usherd does not forward");
}

void run_step(Report& report, const Settings& settings, const OneArmTraffic& traffic) {
    const TemporaryFolder folder;
    const std::filesystem::path capture = folder.path() / "flows.pcap";
    write_capture(capture, traffic);
    const Window times{std::chrono::milliseconds(settings.quick ? 50 : 200),
                       std::chrono::milliseconds(settings.quick ? 200 : 1000)};
    const std::uint64_t io_packets = settings.quick ? kIoPackets / 8 : kIoPackets;

    const std::string device = fmt::format("net_pcap0,rx_pcap={},infinite_rx=1", capture.string());
    const unsigned packets = traffic.packets() + kPcapInFlight;
    OneArm arm;
    arm.device = device;
    arm.buffers = packets;
    arm.cores = {core_number(Core::last)};
    arm.socket = RunningUsherd::socket_in(folder.path());
    RunningUsherd usherd(one_arm_configuration(traffic, arm), folder.path());
    await_connections(usherd, traffic.flows);
    usherd.child().hold();
    std::unique_ptr<RunningTestpmd> testpmd;
    if (RunningTestpmd::exists()) {
        testpmd = std::make_unique<RunningTestpmd>(
            RunningTestpmd::Setup{device, "io", packets, arm.cores});
        testpmd->child().hold();
    }
    IoOnPcap io(device, packets);

    Row row;
    std::vector<double> ours, theirs, least;
    const auto wait = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); };
    for (int i = 0; i < settings.repeats; ++i) {
        ours.push_back(measure_in(usherd, times, wait, cycles_a_packet, row.lost));
        if (testpmd) theirs.push_back(measure_in(*testpmd, times, wait, cycles_a_packet, row.lost));
        io.run(io_packets / 4);
        least.push_back(cycles_a_packet({}, io.run(io_packets)));
    }
    row.name = fmt::format("pcap {} {}", traffic.protocol == 6 ? "tcp" : "udp", traffic.flows);
    row.unit = "packet";
    row.total = figure_of(ours);
    row.generator = figure_of(least).median;
    row.remark = "no testpmd (package dpdk-dev)";
    if (testpmd) {
        const Figure figure = figure_of(theirs);
        row.testpmd = figure.median;
        row.remark = fmt::format("{:.2f} times testpmd's io: {:.1f} ({:.1f} to {:.1f})",
                                 row.total.median / figure.median, figure.median, figure.minimum,
                                 figure.maximum);
    }
    report.add(row);
}

}  // namespace

void run_pcap(Report& report, const Settings& settings) {
    try {
        for (const OneArmTraffic& traffic : kSteps) {
            if (settings.flows != 0 && settings.flows != traffic.flows) continue;
            run_step(report, settings, traffic);
            if (settings.quick) break;
        }
    } catch (const std::exception& error) {
        report.fail(fmt::format("pcap: {}", error.what()));
    }
}

}  // namespace usher::bench
