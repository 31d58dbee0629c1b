// SPDX-License-Identifier: BSD-3-Clause
// usherd itself, as it is shipped, on a device that replays a capture from memory and drops what is
// sent: one worker, one arm, all that a packet costs. Beside it testpmd's plain io forwarding and
// the least that a program can do, on the same file, in turn on the same core.
#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "tools/benchmark/pcap_forwarders.hpp"
#include "tools/benchmark/rig.hpp"

namespace usher::bench {

namespace {

constexpr PcapTraffic kSteps[] = {{17, 1000}, {17, 10000}, {17, 100000}, {6, 1000}};
constexpr std::uint64_t kIoPackets = 8'000'000;

class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = std::filesystem::temp_directory_path() / "usher-bench-XXXXXX";
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
        path_ = name;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

struct Window {
    std::chrono::milliseconds warm, timed;
};

double cycles_a_packet(const Progress& before, const Progress& after) {
    const auto packets = static_cast<double>(after.packets - before.packets);
    const auto nanoseconds = static_cast<double>(after.nanoseconds - before.nanoseconds);
    if (packets == 0) throw std::runtime_error("nothing is forwarded");
    return nanoseconds * static_cast<double>(rte_get_tsc_hz()) / 1e9 / packets;
}

// What one of them does while the others are held. Adds to `dropped`.
template <class Forwarder>
double window(Forwarder& forwarder, const Window& times, std::uint64_t& dropped) {
    forwarder.child().release();
    std::this_thread::sleep_for(times.warm);
    const Progress before = forwarder.progress();
    std::this_thread::sleep_for(times.timed);
    const Progress after = forwarder.progress();
    forwarder.child().hold();
    dropped += after.dropped - before.dropped;
    return cycles_a_packet(before, after);
}

void run_step(Report& report, const Settings& settings, const PcapTraffic& traffic) {
    const TemporaryFolder folder;
    write_capture(capture_in(folder.path()), traffic);
    const Window times{std::chrono::milliseconds(settings.quick ? 50 : 200),
                       std::chrono::milliseconds(settings.quick ? 200 : 1000)};
    const std::uint64_t io_packets = settings.quick ? kIoPackets / 8 : kIoPackets;

    UsherdOnPcap usherd(traffic, folder.path());
    usherd.child().hold();
    std::unique_ptr<TestpmdOnPcap> testpmd;
    if (TestpmdOnPcap::exists()) {
        testpmd = std::make_unique<TestpmdOnPcap>(traffic, folder.path());
        testpmd->child().hold();
    }
    IoOnPcap io(traffic, folder.path());

    Row row;
    std::vector<double> ours, theirs, least;
    for (int i = 0; i < settings.repeats; ++i) {
        ours.push_back(window(usherd, times, row.lost));
        if (testpmd) theirs.push_back(window(*testpmd, times, row.lost));
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
        for (const PcapTraffic& traffic : kSteps) {
            if (settings.flows != 0 && settings.flows != traffic.flows) continue;
            run_step(report, settings, traffic);
            if (settings.quick) break;
        }
    } catch (const std::exception& error) {
        report.fail(fmt::format("pcap: {}", error.what()));
    }
}

}  // namespace usher::bench
