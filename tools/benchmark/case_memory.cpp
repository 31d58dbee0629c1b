// SPDX-License-Identifier: BSD-3-Clause
// What a connection takes of memory, all told: how much more of it is resident with a full table.
#include <fmt/core.h>
#include <unistd.h>

#include <fstream>

#include "tools/benchmark/rig.hpp"

namespace usher::bench {

namespace {

std::uint64_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::uint64_t total = 0, resident = 0;
    file >> total >> resident;
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

void run_memory(Report& report, const Settings& settings) {
    for (const unsigned bits : {20U, settings.quick ? 20U : 24U}) {
        Rig::Setup setup;
        setup.table_bits = bits;
        const std::uint64_t before = resident_bytes();
        Rig rig(setup);
        const std::uint64_t idle = resident_bytes();
        rig.establish(0, std::uint32_t{1} << bits, 6);
        const std::uint64_t full = resident_bytes();
        const double connections = static_cast<double>(std::uint64_t{1} << bits);
        Row row;
        row.name = fmt::format("memory 2^{}, all of them established", bits);
        row.unit = "bytes";
        row.total = figure_of({static_cast<double>(full - before) / connections});
        row.remark = fmt::format("a connection; {:.0f} MiB before the first",
                                 static_cast<double>(idle - before) / (1 << 20));
        report.add(row);
        if (settings.quick) break;
    }
}

}  // namespace usher::bench
