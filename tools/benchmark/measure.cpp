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
    const auto known = [](double value, const char* form) {
        return value > 0 ? fmt::format(fmt::runtime(form), value) : std::string("-");
    };
    const bool cycles = row.is_cycles();
    fmt::print("{:<34} {:>8.1f} {:>8.1f} {:>8.1f} {:>8} {:>8} {:>8} {:>8}  {}\n", row.name,
               row.total.median, row.total.minimum, row.total.maximum,
               known(cycles ? row.beyond() : 0, "{:.1f}"),
               known(cycles ? row.per_second() / 1e6 : 0, "{:.2f}"),
               known(row.ratio_to(row.mac_swap), "{:.2f}"),
               known(row.ratio_to(row.rte_hash), "{:.2f}"),
               cycles ? row.remark : row.unit + " " + row.remark);
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

double Row::per_second() const {
    return static_cast<double>(rte_get_tsc_hz()) / total.median;
}

bool Report::write_json(const std::string& path) const {
    nlohmann::json cases = nlohmann::json::array();
    for (const Row& row : rows_) {
        nlohmann::json one = {{"case", row.name},
                              {"unit", row.unit},
                              {"median", row.total.median},
                              {"minimum", row.total.minimum},
                              {"maximum", row.total.maximum},
                              {"remark", row.remark},
                              {"lost", row.lost}};
        if (row.is_cycles())
            one.update({{"beyond_generator", row.beyond()},
                        {"per_second", row.per_second()},
                        {"mac_swap", row.mac_swap},
                        {"ratio_to_mac_swap", row.ratio_to(row.mac_swap)},
                        {"rte_hash", row.rte_hash},
                        {"ratio_to_rte_hash", row.ratio_to(row.rte_hash)},
                        {"testpmd", row.testpmd}});
        cases.push_back(std::move(one));
    }
    const nlohmann::json all = {{"tsc_hz", rte_get_tsc_hz()},
                                {"core_cycles_a_tsc_cycle", core_cycles_per_tsc_cycle()},
                                {"cases", std::move(cases)}};
    std::ofstream file(path);
    file << all.dump(2) << '\n';
    return static_cast<bool>(file.flush());
}

}  // namespace usher::bench
