// SPDX-License-Identifier: BSD-3-Clause
#include "control/machine_check.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/capability.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "dataplane/eal.hpp"
#include "dataplane/exception_thread.hpp"

namespace usher {

namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr std::uint64_t kHugepage = 2 * kMiB;

struct Version {
    int major = 0, minor = 0;
    friend auto operator<=>(const Version&, const Version&) = default;
};

constexpr Version kOldestTried{5, 10};

void check_release(const Machine& machine, Findings& findings) {
    Version version;
    if (std::sscanf(machine.release.c_str(), "%d.%d", &version.major, &version.minor) != 2) return;
    if (version < kOldestTried)
        findings.push_back({Grade::advice,
                            fmt::format("Linux {} is older than {}.{}, which XDP is known to work "
                                        "with",
                                        machine.release, kOldestTried.major, kOldestTried.minor),
                            "use a newer kernel"});
    else
        findings.push_back({Grade::ok, fmt::format("Linux {}", machine.release), {}});
}

void check_capabilities(const Machine& machine, Findings& findings) {
    if (!machine.capabilities) return;
    struct Needed {
        unsigned bit;
        const char* name;
    };
    constexpr Needed kNeeded[] = {{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
                                  {CAP_NET_RAW, "CAP_NET_RAW"},
                                  {CAP_BPF, "CAP_BPF"},
                                  {CAP_IPC_LOCK, "CAP_IPC_LOCK"},
                                  {CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"}};
    std::vector<std::string> missing;
    for (const Needed& needed : kNeeded)
        if (!(*machine.capabilities >> needed.bit & 1)) missing.emplace_back(needed.name);
    if (missing.empty())
        findings.push_back({Grade::ok, "privileges to start are there", {}});
    else
        findings.push_back({Grade::error,
                            fmt::format("privileges are missing: {}", fmt::join(missing, ", ")),
                            "run it as root, or in a container with these capabilities"});
}

void check_forwarding(const Config& config, const Machine& machine, Findings& findings) {
    const bool left_to_linux = config.other == OtherTraffic::kernel;
    if (left_to_linux && !machine.forwards_ipv4)
        findings.push_back({Grade::advice,
                            "other = \"kernel\" leaves packets to Linux, and Linux does not "
                            "forward them",
                            "sysctl -w net.ipv4.ip_forward=1"});
    if (!left_to_linux && (machine.forwards_ipv4 || machine.forwards_ipv6))
        findings.push_back({Grade::advice, "Linux forwards by itself whenever usherd does not run",
                            "sysctl -w net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0, "
                            "unless other programs need it"});
}

bool has_attached(const Config& config, AttachKind kind) {
    return std::any_of(config.interfaces.begin(), config.interfaces.end(),
                       [&](const InterfaceConfig& each) { return each.attach == kind; });
}

// Which interface is opened for this one: a VLAN's parent.
std::string wire_of(const InterfaceConfig& interface, const Machine& machine) {
    if (!interface.parent.empty()) return interface.parent;
    const auto nic = machine.nics.find(interface.name);
    if (interface.attach != AttachKind::af_xdp || nic == machine.nics.end()) return interface.name;
    return nic->second.vlan_of.empty() ? interface.name : nic->second.vlan_of;
}

// What is said of each that is opened; of one that is not in the file, what is said of its first
// VLAN (port_layout.hpp).
std::map<std::string, const InterfaceConfig*> wires(const Config& config, const Machine& machine) {
    std::map<std::string, const InterfaceConfig*> found;
    for (const InterfaceConfig& interface : config.interfaces)
        if (wire_of(interface, machine) == interface.name)
            found.emplace(interface.name, &interface);
    for (const InterfaceConfig& interface : config.interfaces)
        found.emplace(wire_of(interface, machine), &interface);
    return found;
}

// Those of interfaces, and of what Linux sends by those that are all ours.
unsigned packet_buffers(const Config& config, const Machine& machine) {
    unsigned sum = 0;
    for (const auto& [name, interface] : wires(config, machine)) {
        const auto nic = machine.nics.find(name);
        sum +=
            packet_buffers(*interface, nic == machine.nics.end() ? 0 : nic->second.receive_queues);
        if (!interface->exception_name().empty()) sum += ExceptionThread::kPackets;
    }
    return sum;
}

void check_hugepages(const Config& config, const Machine& machine, Findings& findings) {
    const unsigned packets = packet_buffers(config, machine);
    const std::uint64_t bytes = hugepage_bytes(packets);
    const std::uint64_t wanted = (bytes + kHugepage - 1) / kHugepage;
    if (machine.free_hugepages >= wanted) {
        findings.push_back({Grade::ok,
                            fmt::format("hugepages: {} of 2 MiB are free, {} are needed",
                                        machine.free_hugepages, wanted),
                            {}});
        return;
    }
    // Those that are missing are its own.
    if (machine.usherd_runs && machine.hugepages >= wanted) {
        findings.push_back({Grade::ok,
                            fmt::format("hugepages: there are {} of 2 MiB, {} of them free while "
                                        "usherd runs, and {} are needed",
                                        machine.hugepages, machine.free_hugepages, wanted),
                            {}});
        return;
    }
    const bool must = has_attached(config, AttachKind::pci);
    const std::uint64_t used = machine.hugepages - machine.free_hugepages;
    findings.push_back(
        {must ? Grade::error : Grade::advice,
         fmt::format("hugepages: {} of 2 MiB are free and {} are needed for {} packet buffers{}",
                     machine.free_hugepages, wanted, packets,
                     must ? "; a NIC of its own (attach = \"pci\") needs them"
                          : "; it works without, a little slower"),
         fmt::format(
             "echo {0} > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages, and for the "
             "next boot hugepagesz=2M hugepages={0} on the kernel's command line",
             used + wanted)});
}

void check_table(const Config& config, const Machine& machine, Findings& findings) {
    constexpr std::uint64_t kConnectionBytes = 108;  // with its entries (bench memory); IPv6: 172
    const std::uint64_t bytes = kConnectionBytes << config.connection_table_bits;
    if (machine.available_memory == 0) return;
    const std::string table =
        fmt::format("a full table of 2^{} connections takes {} MiB of {} MiB",
                    config.connection_table_bits, bytes / kMiB, machine.available_memory / kMiB);
    if (bytes > machine.available_memory && machine.usherd_runs)
        findings.push_back({Grade::advice,
                            table + " that are left beside the usherd which runs, and has its "
                                    "table already",
                            "look again when it does not run, should the table have grown"});
    else if (bytes > machine.available_memory)
        findings.push_back({Grade::error, table, "lower connection_table_bits, or more memory"});
    else
        findings.push_back({Grade::ok, table, {}});
}

}  // namespace

// A queue of an AF_XDP interface holds 2048 of them, and as many again on their way out.
unsigned packet_buffers(const InterfaceConfig& interface, unsigned queues) {
    constexpr unsigned kFirstQueue = 8192, kMoreQueues = 6144;
    const bool af_xdp = interface.attach == AttachKind::af_xdp && queues > 0;
    const unsigned least = af_xdp ? kFirstQueue + (queues - 1) * kMoreQueues : 0;
    return std::max(interface.packet_buffers, least);
}

void check_kernel(const Config& config, const Machine& machine, Findings& findings) {
    check_release(machine, findings);
    check_capabilities(machine, findings);
    if (machine.bpf_jit == 0 && has_attached(config, AttachKind::af_xdp))
        findings.push_back({Grade::advice, "XDP programs are interpreted, not compiled",
                            "sysctl -w net.core.bpf_jit_enable=1"});
    check_forwarding(config, machine, findings);
}

void check_memory(const Config& config, const Machine& machine, Findings& findings) {
    check_hugepages(config, machine, findings);
    if (machine.transparent_hugepages == "never")
        findings.push_back({Grade::advice,
                            "transparent hugepages are off, and the connection table is slower "
                            "without",
                            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"});
    check_table(config, machine, findings);
}

Findings check_machine(const Config& config, const Machine& machine, const PlannedCores& cores) {
    Findings findings;
    check_kernel(config, machine, findings);
    check_memory(config, machine, findings);
    check_worker_cores(machine, cores, findings);
    check_nics(config, machine, cores, findings);
    check_addresses(config, machine, findings);
    return findings;
}

std::string to_text(const Findings& findings) {
    constexpr std::string_view kNames[] = {"ok", "advice", "error"};
    std::string text;
    for (const Finding& finding : findings) {
        text +=
            fmt::format("{:<8}{}", kNames[static_cast<std::size_t>(finding.grade)], finding.what);
        if (!finding.remedy.empty()) text += ": " + finding.remedy;
        text += '\n';
    }
    return text;
}

bool has_error(const Findings& findings) {
    return std::any_of(findings.begin(), findings.end(),
                       [](const Finding& each) { return each.grade == Grade::error; });
}

}  // namespace usher
