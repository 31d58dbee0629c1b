// SPDX-License-Identifier: BSD-3-Clause
#include "tools/benchmark/forwarders.hpp"

#include <fmt/core.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>
#include <thread>

#include "tools/benchmark/measure.hpp"
#include "tools/cli/daemon.hpp"

namespace usher::bench {

namespace {

constexpr const char* kForwardingThreads = "worker";  // in DPDK's name for an lcore's thread
constexpr int kTries = 600;                           // of 100 ms, for usherd to answer

// The usherd that was built with this program, beside it.
std::string usherd() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "usherd";
}

Json ask(SocketDaemon& daemon, const char* command) {
    const auto reply = daemon.ask({{"command", command}});
    if (!reply) throw std::runtime_error(reply.error().message);
    if (!reply->ok) throw std::runtime_error(reply->error.message);
    return reply->result;
}

// As usherd decides it for itself, so that both have the same kind of memory.
std::vector<std::string> memory_options(unsigned packets) {
    const unsigned megabytes = packets / 256 + 64;  // 4 KiB each, when in pages of that size
    std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
    unsigned pages = 0;
    file >> pages;
    if (pages * 2 >= megabytes && rte_eal_has_hugepages() != 0) return {"--in-memory"};
    return {"--no-huge", "--no-shconf", "-m", std::to_string(megabytes)};
}

std::vector<std::string> testpmd_words(const RunningTestpmd::Setup& setup) {
    std::string lcores = fmt::format("0@{}", core_number(Core::first));
    for (std::size_t i = 0; i < setup.cores.size(); ++i)
        lcores += fmt::format(",{}@{}", i + 1, setup.cores[i]);
    // Line by line, though it writes to a pipe.
    std::vector<std::string> words = {"stdbuf",       "-oL", "dpdk-testpmd",   "--lcores", lcores,
                                      "--main-lcore", "0",   "--no-telemetry", "--no-pci"};
    for (const std::string& word : memory_options(setup.packets))
        words.push_back(word);
    const std::size_t queues = setup.cores.size();
    for (const std::string& word :
         {std::string("--vdev"), setup.device, std::string("--"), std::string("-i"),
          std::string("--auto-start"), fmt::format("--nb-cores={}", queues),
          fmt::format("--rxq={}", queues), fmt::format("--txq={}", queues),
          fmt::format("--forward-mode={}", setup.mode), std::string("--port-topology=loop"),
          fmt::format("--total-num-mbufs={}", setup.packets)})
        words.push_back(word);
    if (setup.counts_cycles) words.emplace_back("--record-core-cycles");
    return words;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
    std::string name = std::filesystem::temp_directory_path() / "usher-bench-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

double cycles_a_packet(const Progress& before, const Progress& after) {
    const auto packets = static_cast<double>(after.packets - before.packets);
    const auto nanoseconds = static_cast<double>(after.nanoseconds - before.nanoseconds);
    if (packets == 0) throw std::runtime_error("nothing is forwarded");
    return nanoseconds * static_cast<double>(rte_get_tsc_hz()) / 1e9 / packets;
}

double busy_cycles_a_packet(const Progress& before, const Progress& after) {
    if (after.packets == before.packets) throw std::runtime_error("nothing is forwarded");
    return static_cast<double>(after.busy_cycles - before.busy_cycles) /
           static_cast<double>(after.packets - before.packets);
}

RunningUsherd::RunningUsherd(const std::string& configuration,
                             const std::filesystem::path& folder) {
    const std::filesystem::path file = folder / "usher.toml";
    std::ofstream(file) << configuration;
    child_ = std::make_unique<Child>(std::vector<std::string>{usherd(), "--config", file});
    for (int i = 0; i < kTries; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        daemon_ = std::make_unique<SocketDaemon>(socket_in(folder));
        if (daemon_->ask({{"command", "version"}})) return;
    }
    child_->hold();
    throw std::runtime_error("usherd does not answer; it says: " + child_->read_until("\n"));
}

RunningUsherd::~RunningUsherd() = default;

std::string RunningUsherd::socket_in(const std::filesystem::path& folder) {
    return folder / "usher.sock";
}

Progress RunningUsherd::progress() {
    Progress progress;
    progress.nanoseconds = child_->thread_nanoseconds(kForwardingThreads);
    for (const Json& worker : ask(*daemon_, "worker.list")) {
        const auto packets = worker.at("packets").get<std::uint64_t>();
        progress.packets += packets;
        progress.busy_cycles += static_cast<std::uint64_t>(
            static_cast<double>(packets) * worker.at("cycles_per_packet").get<double>());
    }
    for (const Json& count : ask(*daemon_, "drop.list"))
        progress.dropped += count.get<std::uint64_t>();
    return progress;
}

std::uint64_t RunningUsherd::connections() {
    return ask(*daemon_, "table.show").at("connections").get<std::uint64_t>();
}

RunningTestpmd::RunningTestpmd(const Setup& setup)
    : child_(testpmd_words(setup)), counts_cycles_(setup.counts_cycles) {
    child_.read_until("testpmd>");
}

bool RunningTestpmd::exists() {
    return access("/usr/bin/dpdk-testpmd", X_OK) == 0;
}

Progress RunningTestpmd::progress() {
    const auto number_after = [](const std::string& said, std::string_view before) {
        const std::size_t at = said.rfind(before);
        if (at == std::string::npos) throw std::runtime_error("testpmd counts nothing: " + said);
        return std::stoull(said.substr(at + before.size()));
    };
    Progress progress;
    progress.nanoseconds = child_.thread_nanoseconds(kForwardingThreads);
    if (counts_cycles_) {
        child_.write("show fwd stats all\n");
        const std::string said = child_.read_until("MHz Clock");
        progress.packets = number_after(said, " packets=");
        progress.busy_cycles = number_after(said, "(total cycles=");
    } else {
        child_.write("show port stats 0\n");
        progress.packets = number_after(child_.read_until("Tx-bps:"), "RX-packets: ");
    }
    return progress;
}

}  // namespace usher::bench
