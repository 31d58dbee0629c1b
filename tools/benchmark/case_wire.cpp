// SPDX-License-Identifier: BSD-3-Clause
// usherd itself, as it is shipped, at one end of a wire of shared memory, beside testpmd's MAC swap
// at the same one: receiving, forwarding and sending, all that a packet costs. The benchmark is
// the other end, on a core of its own.
#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "tools/benchmark/forwarders.hpp"
#include "tools/benchmark/rig.hpp"
#include "tools/benchmark/wire_end.hpp"

namespace usher::bench {

namespace {

constexpr std::uint32_t kFlows[] = {1000, 1032192};
constexpr unsigned kBuffers = 16384;

struct Step {
    std::uint32_t flows;
    unsigned workers;
};

// The last cores; when there are too few, the first one is the far end's, too.
std::vector<int> forwarding_cores(unsigned workers) {
    std::vector<int> cores = all_cores();
    if (cores.size() > workers) cores.erase(cores.begin(), cores.end() - workers);
    cores.resize(std::min<std::size_t>(cores.size(), workers));
    return cores;
}

// A forwarder, and what makes its packets.
template <class Forwarder>
struct Wired {
    std::unique_ptr<Forwarder> forwarder;
    std::unique_ptr<WireEnd> far;
    std::vector<double> cycles;

    void round(const Window& times, std::uint64_t& lost) {
        std::uint64_t dropped = 0;
        cycles.push_back(measure_in(
            *forwarder, times, [&](std::chrono::milliseconds time) { far->run(time); },
            busy_cycles_a_packet, dropped));
        forwarder->child().release();
        lost += std::max(dropped, far->lost());  // what is dropped does not come back either
        forwarder->child().hold();
    }
};

Wired<RunningUsherd> wire_usherd(const OneArmTraffic& traffic, const Step& step,
                                 const TemporaryFolder& folder) {
    const std::string wire = folder.path() / "usherd.memif";
    OneArm arm;
    arm.device = wire_near_end(wire);
    arm.buffers = kBuffers;
    arm.table_bits = table_bits_for(step.flows);
    arm.queues = step.workers;
    arm.cores = forwarding_cores(step.workers);
    arm.socket = RunningUsherd::socket_in(folder.path());
    Wired<RunningUsherd> wired;
    wired.forwarder =
        std::make_unique<RunningUsherd>(one_arm_configuration(traffic, arm), folder.path());
    wired.far = std::make_unique<WireEnd>(wire, traffic, step.workers);
    wired.far->await_link();
    wired.far->open_flows();
    if (wired.far->lost() != 0 || wired.forwarder->connections() != step.flows)
        throw std::runtime_error("usherd does not forward all flows");
    wired.forwarder->child().hold();
    return wired;
}

Wired<RunningTestpmd> wire_testpmd(const OneArmTraffic& traffic, const Step& step,
                                   const TemporaryFolder& folder) {
    const std::string wire = folder.path() / "testpmd.memif";
    Wired<RunningTestpmd> wired;
    wired.forwarder = std::make_unique<RunningTestpmd>(RunningTestpmd::Setup{
        wire_near_end(wire), "macswap", kBuffers, forwarding_cores(step.workers), true});
    wired.far = std::make_unique<WireEnd>(wire, traffic, step.workers);
    wired.far->await_link();
    wired.far->open_flows();
    wired.far->lost();
    wired.forwarder->child().hold();
    return wired;
}

void run_step(Report& report, const Settings& settings, const Step& step) {
    const TemporaryFolder folder;
    const OneArmTraffic traffic{17, step.flows};
    const Window times{std::chrono::milliseconds(settings.quick ? 50 : 200),
                       std::chrono::milliseconds(settings.quick ? 200 : 1000)};
    std::optional<Wired<RunningTestpmd>> testpmd;
    if (RunningTestpmd::exists()) testpmd = wire_testpmd(traffic, step, folder);
    auto usherd = wire_usherd(traffic, step, folder);
    Row row;
    for (int i = 0; i < settings.repeats; ++i) {
        usherd.round(times, row.lost);
        if (testpmd) testpmd->round(times, row.lost);
    }
    row.name = fmt::format("wire {} flows, {} worker{}", step.flows, step.workers,
                           step.workers == 1 ? "" : "s");
    row.unit = "packet";
    row.total = figure_of(usherd.cycles);
    row.remark = "no testpmd (package dpdk-dev)";
    if (testpmd) {
        const Figure swap = figure_of(testpmd->cycles);
        row.testpmd = swap.median;
        row.remark =
            fmt::format("{:.2f} times testpmd's MAC swap: {:.1f} ({:.1f} to {:.1f})",
                        row.total.median / swap.median, swap.median, swap.minimum, swap.maximum);
    }
    if (all_cores().size() <= step.workers)
        row.remark += "; too few cores: the far end shares one with a worker";
    report.add(row);
}

}  // namespace

void run_wire(Report& report, const Settings& settings) {
    pin_to(Core::first);
    try {
        for (const unsigned workers : {1U, 2U})
            for (const std::uint32_t flows : kFlows) {
                if (settings.flows != 0 && settings.flows != flows) continue;
                if (settings.quick && flows != kFlows[0]) continue;
                if (all_cores().size() < workers) continue;
                run_step(report, settings, {flows, workers});
            }
    } catch (const std::exception& error) {
        report.fail(fmt::format("wire: {}", error.what()));
    }
    pin_to(Core::last);
}

}  // namespace usher::bench
