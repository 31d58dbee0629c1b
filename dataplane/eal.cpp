// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/eal.hpp"

#include <fmt/format.h>
#include <linux/mman.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "dataplane/cores.hpp"
#include "dataplane/driver_log.hpp"

namespace usher {

namespace {

constexpr std::size_t kMiB = 1024 * 1024;
constexpr std::size_t kHugepage = 2 * kMiB;
// In hugepages; else a pool has memory of its own (packet_pool.cpp), and DPDK's only points to it.
constexpr std::size_t kPacketBytes = 4096;
constexpr std::size_t kPointerBytes = 32;        // rings are up to twice as long as what they hold
constexpr std::size_t kDriverBytes = 32 * kMiB;  // DPDK's own rings, queues and tables

std::size_t without_hugepages(const EalConfig& config) {
    const std::size_t bytes = config.packets * kPointerBytes + config.other_bytes + kDriverBytes;
    return (bytes + kMiB - 1) / kMiB * kMiB;
}

std::size_t free_hugepage_bytes() {
    std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
    std::size_t pages = 0;
    file >> pages;
    return pages * kHugepage;
}

// A container may see hugepages that it is not allowed to use. Of 2 MiB, as the box's default size
// may be another one (default_hugepagesz=1G on the kernel's command line).
bool may_map_hugepage() {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB | MAP_POPULATE;
    void* page = mmap(nullptr, kHugepage, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (page == MAP_FAILED) return false;
    munmap(page, kHugepage);
    return true;
}

Result<void> check_cores(const EalConfig& config) {
    const std::vector<unsigned> permitted = permitted_cores();
    std::vector<unsigned> cores = config.worker_cores;
    cores.push_back(config.main_core);
    for (const unsigned core : cores)
        if (std::find(permitted.begin(), permitted.end(), core) == permitted.end())
            return fail(Errc::invalid,
                        fmt::format("core {} does not exist or is not allowed to this process; "
                                    "`lscpu -e` lists the cores, and AllowedCPUs= of the service "
                                    "or a container's cpuset may leave some out",
                                    core));
    return {};
}

// lcore 0 is the main thread, lcore i the i-th worker: "0@2,1@3,2@3".
std::string lcores(const EalConfig& config) {
    std::string text = fmt::format("0@{}", config.main_core);
    for (std::size_t i = 0; i < config.worker_cores.size(); ++i)
        text += fmt::format(",{}@{}", i + 1, config.worker_cores[i]);
    return text;
}

std::vector<std::string> arguments(const EalConfig& config, const Eal& eal) {
    std::vector<std::string> words = {
        "usherd", "--lcores",       lcores(config),   "--main-lcore",
        "0",      "--no-telemetry", "--iova-mode=va", "--log-level=*:warning"};
    if (config.pci_devices.empty()) words.emplace_back("--no-pci");
    for (const std::string& device : config.pci_devices)
        words.insert(words.end(), {"-a", device});
    if (eal.hugepages) {
        words.emplace_back("--in-memory");
    } else {
        words.insert(words.end(),
                     {"--no-huge", "--no-shconf", "-m", std::to_string(eal.reserved_bytes / kMiB)});
    }
    return words;
}

// AF_XDP locks the packets' memory; before Linux 5.11 BPF maps count too.
void lift_memory_lock_limit() {
    const rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    setrlimit(RLIMIT_MEMLOCK, &limit);  // refused without privilege, and then the ports will say so
}

// DPDK makes a directory for its files even when it is told to have none, in a place that this
// variable names; where none can be made it goes on without.
class NoRuntimeDirectory {
  public:
    NoRuntimeDirectory() {
        if (const char* before = std::getenv(kVariable)) before_ = before;
        setenv(kVariable, "/proc/self", 1);
    }
    ~NoRuntimeDirectory() {
        if (before_)
            setenv(kVariable, before_->c_str(), 1);
        else
            unsetenv(kVariable);
    }
    NoRuntimeDirectory(const NoRuntimeDirectory&) = delete;
    NoRuntimeDirectory& operator=(const NoRuntimeDirectory&) = delete;

  private:
    static constexpr const char* kVariable = "RUNTIME_DIRECTORY";
    std::optional<std::string> before_;
};

}  // namespace

std::size_t hugepage_bytes(unsigned packets) {
    return packets * kPacketBytes + kDriverBytes;
}

Result<Eal> start_eal(const EalConfig& config) {
    if (const auto checked = check_cores(config); !checked) return tl::unexpected(checked.error());
    Eal eal;
    eal.hugepages = free_hugepage_bytes() >= hugepage_bytes(config.packets) && may_map_hugepage();
    eal.reserved_bytes = eal.hugepages ? hugepage_bytes(config.packets) : without_hugepages(config);
    for (std::size_t i = 0; i < config.worker_cores.size(); ++i)
        eal.worker_lcores.push_back(static_cast<unsigned>(i + 1));

    keep_driver_messages();
    lift_memory_lock_limit();
    std::vector<std::string> words = arguments(config, eal);
    std::vector<char*> argv;
    for (std::string& word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    const NoRuntimeDirectory none;
    if (rte_eal_init(static_cast<int>(words.size()), argv.data()) < 0)
        return fail(Errc::unavailable,
                    fmt::format("DPDK does not start ({} MiB of memory {} hugepages): {}; it says: "
                                "{}",
                                eal.reserved_bytes / kMiB, eal.hugepages ? "in" : "without",
                                rte_strerror(rte_errno), driver_messages()));
    return eal;
}

void stop_eal() {
    rte_eal_cleanup();
}

}  // namespace usher
