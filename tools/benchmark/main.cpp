// SPDX-License-Identifier: BSD-3-Clause
// tools/bench: what the packet path costs. See docs/performance.md.
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "tools/benchmark/rig.hpp"

namespace usher::bench {
namespace {

struct Case {
    const char* name;
    const char* what;
    void (*run)(Report&, const Settings&);
};

constexpr Case kCases[] = {
    {"established", "packets of established flows, along a ladder of flow counts", run_established},
    {"connect", "whole TCP lives and first UDP packets, the table 10 % and 90 % full", run_connect},
    {"services", "first packets with many services", run_services},
    {"servers", "first packets with many real servers, each scheduler", run_servers},
    {"churn", "established traffic while snapshots are published", run_churn},
    {"flood", "established traffic and spoofed SYNs into a full table", run_flood},
    {"two-workers", "two workers at one table", run_two_workers},
    {"memory", "bytes a connection", run_memory},
    {"pcap", "usherd itself, replaying a capture, beside testpmd", run_pcap},
    {"wire", "usherd itself on a wire of shared memory, beside testpmd's MAC swap", run_wire},
};

int run(int argc, char** argv) {
    CLI::App app("tools/bench: TSC cycles of the shipped packet path");
    Settings settings;
    std::string json;
    std::vector<std::string> names;
    bool stages = false;
    std::vector<std::string> known;
    for (const Case& each : kCases)
        known.emplace_back(each.name);
    app.add_option("case", names, "Which cases; all without")->check(CLI::IsMember(known));
    app.add_option("--flows", settings.flows,
                   "established, pcap, wire, --stages: only this many flows");
    app.add_option("--repeats", settings.repeats, "Rounds of each case")
        ->check(CLI::Range(5, 1000));
    app.add_option("--json", json, "Write the figures there, too");
    app.add_flag("--stages", stages, "The worker's stages one by one, instead of cases");
    app.add_flag("--quick", settings.quick, "Small and short: to see that it works");
    CLI11_PARSE(app, argc, argv);

    see_cores();  // before DPDK pins this thread to its first
    process_pool(kPoolPackets, kOtherBytes);
    pin_to(Core::last);
    Report report;
    report.note(
        fmt::format("TSC {:.0f} MHz; {:.2f} core cycles a TSC cycle (near the top of what "
                    "this machine shows: it is quiet)",
                    static_cast<double>(rte_get_tsc_hz()) / 1e6, core_cycles_per_tsc_cycle()));
    if (stages) run_stages(report, settings);
    for (const Case& each : kCases) {
        if (stages && names.empty()) break;
        if (!names.empty() && std::find(names.begin(), names.end(), each.name) == names.end())
            continue;
        each.run(report, settings);
    }
    report.note(fmt::format("{:.2f} core cycles a TSC cycle", core_cycles_per_tsc_cycle()));
    const bool written = json.empty() || report.write_json(json);
    return written && report.is_good() ? 0 : 1;
}

}  // namespace
}  // namespace usher::bench

int main(int argc, char** argv) {
    return usher::bench::run(argc, argv);
}
