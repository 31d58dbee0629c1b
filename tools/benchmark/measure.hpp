// SPDX-License-Identifier: BSD-3-Clause
// How a figure comes about: the same thing several times, median and extremes of TSC cycles.
#pragma once

#include <rte_cycles.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace usher::bench {

struct Figure {
    double median = 0, minimum = 0, maximum = 0;  // TSC cycles a packet (or whatever `unit` says)
};

inline Figure figure_of(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return {values[values.size() / 2], values.front(), values.back()};
}

template <class Work>
double cycles_of(Work work) {
    const std::uint64_t begin = rte_rdtsc_precise();
    work();
    return static_cast<double>(rte_rdtsc_precise() - begin);
}

// Calls round() `repeats` times; it does its work and returns for how many things it stands.
template <class Round>
Figure measure(int repeats, Round round) {
    std::vector<double> values;
    for (int i = 0; i < repeats; ++i) {
        const std::uint64_t begin = rte_rdtsc_precise();
        const std::uint64_t things = round();
        const std::uint64_t end = rte_rdtsc_precise();
        values.push_back(static_cast<double>(end - begin) / static_cast<double>(things));
    }
    return figure_of(std::move(values));
}

// Where this thread runs, of the cores that the process was allowed at its start: measured threads
// on the last, where the system's own work is least.
enum class Core : std::uint8_t { first, last };
void pin_to(Core core);
void see_cores();  // at the start
int core_number(Core core);
const std::vector<int>& all_cores();
void use_all_cores();  // this thread may run on any of them again

// Core cycles a TSC cycle, by a chain of additions: tells a quiet machine from a slow phase.
double core_cycles_per_tsc_cycle();

struct Row {
    std::string name;
    std::string unit;      // "packet", "connection": TSC cycles of one; else what `total` is in
    Figure total;          // everything that was timed
    double generator = 0;  // of that, what making the packets took
    double mac_swap = 0;   // floor (a), 0: not measured for this case
    double rte_hash = 0;   // floor (b)
    double testpmd = 0;    // DPDK's plain io forwarding of the same packets
    std::string remark;
    std::uint64_t lost = 0;  // packets that should have been forwarded and were not

    bool is_cycles() const { return unit == "packet" || unit == "connection"; }
    double beyond() const { return total.median - generator; }
    double ratio_to(double floor) const { return floor > 0 ? total.median / floor : 0; }
    double per_second() const;  // of packets, connections
};

// Prints rows as they come; keeps them for --json.
class Report {
  public:
    void add(const Row& row);
    void note(const std::string& text);
    void fail(const std::string& text);              // a case that could not be run
    bool write_json(const std::string& path) const;  // what was printed, and more
    bool is_good() const;                            // every case was run and lost nothing

  private:
    std::vector<Row> rows_;
    bool titled_ = false;
    bool failed_ = false;
};

struct Settings {
    int repeats = 5;
    bool quick = false;
    std::uint32_t flows = 0;  // 0: the whole ladder
};

}  // namespace usher::bench
