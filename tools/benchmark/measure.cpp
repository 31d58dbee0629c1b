// SPDX-License-Identifier: BSD-3-Clause
#include "tools/benchmark/measure.hpp"

#include <fmt/core.h>
#include <sched.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace usher::bench {

namespace {

std::vector<int> allowed_cores() {
    cpu_set_t set;
    std::vector<int> cores;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return cores;
    for (int core = 0; core < CPU_SETSIZE; ++core)
        if (CPU_ISSET(core, &set)) cores.push_back(core);
    return cores;
}

std::vector<int>& the_cores() {
    static std::vector<int> cores;
    return cores;
}

}  // namespace

void see_cores() {
    the_cores() = allowed_cores();
}

const std::vector<int>& all_cores() {
    return the_cores();
}

int core_number(Core core) {
    const std::vector<int>& cores = the_cores();
    if (cores.empty()) return 0;
    return core == Core::last ? cores.back() : cores.front();
}

void pin_to(Core core) {
    if (the_cores().empty()) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core_number(core), &one);
    sched_setaffinity(0, sizeof one, &one);
}

void use_all_cores() {
    cpu_set_t all;
    CPU_ZERO(&all);
    for (const int core : the_cores())
        CPU_SET(core, &all);
    sched_setaffinity(0, sizeof all, &all);
}

double core_cycles_per_tsc_cycle() {
    constexpr std::uint64_t kSteps = 20'000'000;
    const Figure figure = measure(5, [] {
        std::uint64_t steps = 0;
        for (std::uint64_t i = 0; i < kSteps; ++i)
            asm volatile("add $1, %0" : "+r"(steps));  // a cycle each: they wait for each other
        return kSteps;
    });
    return 1 / figure.minimum;
}

void Report::add(const Row& row) {
    if (!titled_)
        fmt::print("{:<34} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}\n", "case", "median", "min",
                   "max", "beyond", "M/s", "/macswap", "/hash");
    titled_ = true;
    const double rate = static_cast<double>(rte_get_tsc_hz()) / row.total.median / 1e6;
    const auto ratio = [&](double floor) {
        return floor > 0 ? fmt::format("{:.2f}", row.total.median / floor) : std::string("-");
    };
    fmt::print("{:<34} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.2f} {:>8} {:>8}  {}\n", row.name,
               row.total.median, row.total.minimum, row.total.maximum, row.beyond(), rate,
               ratio(row.mac_swap), ratio(row.rte_hash), row.remark);
    if (row.lost > 0) fmt::print("    {} packets were not forwarded!\n", row.lost);
    std::fflush(stdout);
    rows_.push_back(row);
}

void Report::note(const std::string& text) {
    fmt::print("{}\n", text);
    std::fflush(stdout);
}

void Report::fail(const std::string& text) {
    note(text);
    failed_ = true;
}

bool Report::is_good() const {
    return !failed_ &&
           std::all_of(rows_.begin(), rows_.end(), [](const Row& row) { return row.lost == 0; });
}

bool Report::write_json(const std::string& path) const {
    nlohmann::json all = nlohmann::json::array();
    for (const Row& row : rows_)
        all.push_back({{"case", row.name},
                       {"unit", row.unit},
                       {"median", row.total.median},
                       {"minimum", row.total.minimum},
                       {"maximum", row.total.maximum},
                       {"beyond_generator", row.beyond()},
                       {"mac_swap", row.mac_swap},
                       {"rte_hash", row.rte_hash},
                       {"testpmd", row.testpmd},
                       {"remark", row.remark},
                       {"lost", row.lost}});
    std::ofstream file(path);
    file << all.dump(2) << '\n';
    return static_cast<bool>(file.flush());
}

}  // namespace usher::bench
