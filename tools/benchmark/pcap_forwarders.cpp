// SPDX-License-Identifier: BSD-3-Clause
#include "tools/benchmark/pcap_forwarders.hpp"

#include <fmt/core.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "dataplane/eal.hpp"
#include "dataplane/port.hpp"
#include "tools/benchmark/measure.hpp"
#include "tools/cli/daemon.hpp"

namespace usher::bench {

namespace {

constexpr const char* kWorkerThread = "worker";  // DPDK's name for a thread of an lcore has this
constexpr unsigned kInFlight = 8192;
constexpr std::uint16_t kBurst = 32;

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

std::vector<std::string> testpmd_words(const PcapTraffic& traffic, const std::string& capture) {
    const unsigned packets = traffic.packets() + kInFlight;
    const std::string lcores =
        fmt::format("0@{},1@{}", core_number(Core::first), core_number(Core::last));
    // Line by line, though it writes to a pipe.
    std::vector<std::string> words = {"stdbuf",       "-oL", "dpdk-testpmd",   "--lcores", lcores,
                                      "--main-lcore", "0",   "--no-telemetry", "--no-pci"};
    for (const std::string& word : memory_options(packets))
        words.push_back(word);
    for (const std::string& word :
         {std::string("--vdev"), fmt::format("net_pcap0,rx_pcap={},infinite_rx=1", capture),
          std::string("--"), std::string("-i"), std::string("--auto-start"),
          std::string("--nb-cores=1"), std::string("--forward-mode=io"),
          std::string("--port-topology=loop"), fmt::format("--total-num-mbufs={}", packets)})
        words.push_back(word);
    return words;
}

}  // namespace

UsherdOnPcap::UsherdOnPcap(const PcapTraffic& traffic, const std::filesystem::path& folder) {
    const std::filesystem::path configuration = folder / "usher.toml";
    const std::string socket = folder / "usher.sock";
    std::ofstream(configuration) << pcap_configuration(traffic, capture_in(folder),
                                                       core_number(Core::last), socket);
    child_ = std::make_unique<Child>(std::vector<std::string>{usherd(), "--config", configuration});
    constexpr int kTries = 600;
    for (int i = 0; i < kTries; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        daemon_ = std::make_unique<SocketDaemon>(socket);
        if (!daemon_->ask({{"command", "version"}})) continue;
        if (connections() == traffic.flows) return;
    }
    child_->hold();
    throw std::runtime_error("usherd does not forward; it says: " + child_->read_until("\n"));
}

UsherdOnPcap::~UsherdOnPcap() = default;

Progress UsherdOnPcap::progress() {
    Progress progress;
    progress.nanoseconds = child_->thread_nanoseconds(kWorkerThread);
    for (const Json& worker : ask(*daemon_, "worker.list"))
        progress.packets += worker.at("packets").get<std::uint64_t>();
    for (const Json& count : ask(*daemon_, "drop.list"))
        progress.dropped += count.get<std::uint64_t>();
    return progress;
}

std::uint64_t UsherdOnPcap::connections() {
    return ask(*daemon_, "table.show").at("connections").get<std::uint64_t>();
}

TestpmdOnPcap::TestpmdOnPcap(const PcapTraffic& traffic, const std::filesystem::path& folder)
    : child_(testpmd_words(traffic, capture_in(folder))) {
    child_.read_until("testpmd>");
}

bool TestpmdOnPcap::exists() {
    return access("/usr/bin/dpdk-testpmd", X_OK) == 0;
}

Progress TestpmdOnPcap::progress() {
    constexpr std::string_view kBefore = "RX-packets: ";
    Progress progress;
    progress.nanoseconds = child_.thread_nanoseconds(kWorkerThread);
    child_.write("show port stats 0\n");
    const std::string said = child_.read_until("Tx-bps:");
    const std::size_t at = said.rfind(kBefore);
    if (at == std::string::npos) throw std::runtime_error("testpmd counts nothing: " + said);
    progress.packets = std::stoull(said.substr(at + kBefore.size()));
    return progress;
}

IoOnPcap::IoOnPcap(const PcapTraffic& traffic, const std::filesystem::path& folder) {
    auto pool = make_packet_pool("pcap", traffic.packets() + kInFlight, 0, -1, PacketLayout::dense);
    if (!pool) throw std::runtime_error(pool.error().message);
    pool_ = *pool;
    PortConfig config;
    config.interface = "pcap";
    config.device = fmt::format("net_pcap0,rx_pcap={},infinite_rx=1", capture_in(folder).string());
    auto port = Port::open(config, pool_);
    if (!port) throw std::runtime_error(port.error().message);
    port_ = std::make_unique<Port>(std::move(*port));
}

IoOnPcap::~IoOnPcap() {
    port_.reset();
    rte_mempool_free(pool_);
}

Progress IoOnPcap::run(std::uint64_t packets) {
    const auto now = [] {
        timespec time{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
               static_cast<std::uint64_t>(time.tv_nsec);
    };
    Progress progress;
    const std::uint64_t begin = now();
    while (progress.packets < packets) {
        std::array<rte_mbuf*, kBurst> burst;
        const std::uint16_t count = rte_eth_rx_burst(port_->id(), 0, burst.data(), kBurst);
        if (count == 0) throw std::runtime_error("the capture ran dry");
        rte_eth_tx_burst(port_->id(), 0, burst.data(), count);
        progress.packets += count;
    }
    progress.nanoseconds = now() - begin;
    return progress;
}

}  // namespace usher::bench
