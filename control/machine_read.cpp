// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "control/machine.hpp"

namespace usher {

namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return file ? text.str() : std::string();
}

std::string line_of(const fs::path& path) {
    std::string text = text_of(path);
    text.erase(std::min(text.find('\n'), text.size()));
    return text;
}

std::optional<long long> number_of(const fs::path& path, int base = 10) {
    const std::string text = line_of(path);
    const bool prefixed = text.starts_with("0x");
    long long value = 0;
    const auto [end, error] = std::from_chars(
        text.data() + (prefixed ? 2 : 0), text.data() + text.size(), value, prefixed ? 16 : base);
    if (error != std::errc()) return std::nullopt;
    return value;
}

std::vector<fs::path> entries(const fs::path& folder) {
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::directory_iterator each(folder, error), end; !error && each != end;
         each.increment(error))
        found.push_back(each->path());
    std::sort(found.begin(), found.end());
    return found;
}

std::string target_name(const fs::path& link) {
    std::error_code error;
    return fs::read_symlink(link, error).filename().string();
}

int node_of(const fs::path& device) {
    return static_cast<int>(number_of(device / "numa_node").value_or(-1));
}

bool is_plain_tap(const fs::path& interface) {
    constexpr long long kTap = 0x0002, kSeveralQueues = 0x0100;  // IFF_TAP, IFF_MULTI_QUEUE
    return (number_of(interface / "tun_flags").value_or(0) & (kTap | kSeveralQueues)) == kTap;
}

bool is_vlan(const fs::path& interface) {
    return text_of(interface / "uevent").find("DEVTYPE=vlan") != std::string::npos;
}

NicFacts read_nic(const fs::path& root, const fs::path& folder) {
    constexpr int kEthernet = 1;  // ARPHRD_ETHER
    constexpr int kUp = 1;        // IFF_UP
    NicFacts nic;
    nic.ethernet = number_of(folder / "type").value_or(kEthernet) == kEthernet;
    nic.up = number_of(folder / "flags").value_or(0) & kUp;
    if (const auto carrier = number_of(folder / "carrier")) nic.link = *carrier == 1;
    nic.mtu = static_cast<std::uint32_t>(number_of(folder / "mtu").value_or(nic.mtu));
    unsigned queues = 0;
    for (const fs::path& queue : entries(folder / "queues"))
        queues += queue.filename().string().starts_with("rx-") ? 1 : 0;
    nic.receive_queues = std::max(1U, queues);
    nic.driver = target_name(folder / "device/driver");
    nic.plain_tap = is_plain_tap(folder);
    nic.numa_node = node_of(folder / "device");
    const std::string name = folder.filename().string();
    for (const fs::path& entry : entries(folder)) {
        const std::string above = entry.filename().string();
        nic.has_vlans = nic.has_vlans || (above.starts_with("upper_") &&
                                          is_vlan(root / "sys/class/net" / above.substr(6)));
    }
    if (is_vlan(folder))
        for (const fs::path& entry : entries(folder))
            if (const std::string below = entry.filename().string(); below.starts_with("lower_"))
                nic.vlan_of = below.substr(std::string_view("lower_").size());
    const fs::path settings = root / "proc/sys/net/ipv4/conf";
    for (const std::string& whose : {std::string("all"), name})
        nic.reverse_path_filter =
            std::max(nic.reverse_path_filter,
                     static_cast<int>(number_of(settings / whose / "rp_filter").value_or(0)));
    return nic;
}

std::map<unsigned, CoreFacts> read_cores(const fs::path& root) {
    std::map<unsigned, CoreFacts> cores;
    const fs::path folder = root / "sys/devices/system/cpu";
    for (const unsigned core : read_cpu_list(line_of(folder / "online"))) {
        CoreFacts facts;
        const fs::path own = folder / ("cpu" + std::to_string(core));
        facts.governor = line_of(own / "cpufreq/scaling_governor");
        for (const unsigned thread : read_cpu_list(line_of(own / "topology/thread_siblings_list")))
            if (thread != core) facts.siblings.push_back(thread);
        for (const fs::path& entry : entries(own)) {
            const std::string name = entry.filename().string();
            if (name.starts_with("node")) facts.numa_node = std::atoi(name.c_str() + 4);
        }
        cores.emplace(core, std::move(facts));
    }
    for (const unsigned core : read_cpu_list(line_of(folder / "isolated")))
        if (const auto found = cores.find(core); found != cores.end())
            found->second.isolated = true;
    return cores;
}

PciFacts read_pci(const fs::path& root, const std::string& address) {
    constexpr long long kNetwork = 0x02, kBridge = 0x06;  // base classes
    const fs::path devices = root / "sys/bus/pci/devices";
    const auto base_class = [&](const std::string& device) {
        return number_of(devices / device / "class").value_or(0) >> 16;
    };
    PciFacts facts;
    const fs::path own = devices / address;
    facts.is_network = base_class(address) == kNetwork;
    facts.vendor = static_cast<std::uint16_t>(number_of(own / "vendor").value_or(0));
    facts.driver = target_name(own / "driver");
    if (const auto interfaces = entries(own / "net"); !interfaces.empty())
        facts.interface = interfaces.front().filename().string();
    facts.iommu_group = target_name(own / "iommu_group");
    facts.numa_node = node_of(own);
    if (facts.iommu_group.empty()) return facts;
    for (const fs::path& peer :
         entries(root / "sys/kernel/iommu_groups" / facts.iommu_group / "devices")) {
        const std::string name = peer.filename().string();
        if (name != address && base_class(name) != kBridge)
            facts.group.push_back({name, target_name(devices / name / "driver")});
    }
    return facts;
}

// "always [madvise] never": the one in brackets.
std::string chosen(const std::string& line) {
    const std::size_t open = line.find('['), close = line.find(']');
    if (open == std::string::npos || close == std::string::npos || close < open) return {};
    return line.substr(open + 1, close - open - 1);
}

std::optional<std::uint64_t> value_after(const std::string& text, std::string_view key, int base) {
    const std::size_t at = text.find(key);
    if (at == std::string::npos) return std::nullopt;
    const std::size_t from = text.find_first_not_of(" \t", at + key.size());
    std::uint64_t value = 0;
    if (from == std::string::npos ||
        std::from_chars(text.data() + from, text.data() + text.size(), value, base).ec !=
            std::errc())
        return std::nullopt;
    return value;
}

void read_memory(Machine& machine, const fs::path& root) {
    const fs::path pages = root / "sys/kernel/mm/hugepages/hugepages-2048kB";
    machine.hugepages = static_cast<std::uint64_t>(number_of(pages / "nr_hugepages").value_or(0));
    machine.free_hugepages =
        static_cast<std::uint64_t>(number_of(pages / "free_hugepages").value_or(0));
    machine.transparent_hugepages =
        chosen(line_of(root / "sys/kernel/mm/transparent_hugepage/enabled"));
    machine.available_memory =
        value_after(text_of(root / "proc/meminfo"), "MemAvailable:", 10).value_or(0) * 1024;
}

void read_kernel(Machine& machine, const fs::path& root) {
    const fs::path settings = root / "proc/sys";
    machine.release = line_of(settings / "kernel/osrelease");
    machine.capabilities = value_after(text_of(root / "proc/self/status"), "CapEff:", 16);
    if (const auto jit = number_of(settings / "net/core/bpf_jit_enable"))
        machine.bpf_jit = static_cast<int>(*jit);
    machine.forwards_ipv4 = number_of(settings / "net/ipv4/ip_forward").value_or(0) != 0;
    machine.forwards_ipv6 = number_of(settings / "net/ipv6/conf/all/forwarding").value_or(0) != 0;
    machine.has_iommu = !entries(root / "sys/kernel/iommu_groups").empty();
    machine.has_vfio_pci = fs::exists(root / "sys/bus/pci/drivers/vfio-pci");
    machine.has_tun = fs::exists(root / "dev/net/tun");
}

void read_local_ports(Machine& machine, const fs::path& root) {
    const fs::path settings = root / "proc/sys/net/ipv4";
    std::istringstream range(line_of(settings / "ip_local_port_range"));
    PortRange ports;
    if (range >> ports.first >> ports.last) machine.local_ports = ports;
    machine.reserved_ports = line_of(settings / "ip_local_reserved_ports");
}

void read_sockets(Machine& machine, const fs::path& root) {
    const fs::path tables = root / "proc/net";
    const auto take = [&](const char* name, Protocol protocol, Family family) {
        const auto found = read_listeners(protocol, family, text_of(tables / name));
        machine.listeners.insert(machine.listeners.end(), found.begin(), found.end());
    };
    take("tcp", Protocol::tcp, Family::ipv4);
    take("tcp6", Protocol::tcp, Family::ipv6);
    take("udp", Protocol::udp, Family::ipv4);
    take("udp6", Protocol::udp, Family::ipv6);
    machine.ipvs = read_ipvs(text_of(tables / "ip_vs"));
}

}  // namespace

std::vector<unsigned> read_cpu_list(std::string_view text) {
    std::vector<unsigned> cores;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
        unsigned first = 0;
        auto read = std::from_chars(at, end, first);
        if (read.ec != std::errc()) break;
        unsigned last = first;
        if (read.ptr < end && *read.ptr == '-') read = std::from_chars(read.ptr + 1, end, last);
        if (read.ec != std::errc()) break;
        for (unsigned core = first; core <= last; ++core)
            cores.push_back(core);
        at = read.ptr + 1;
    }
    return cores;
}

Machine read_machine(const fs::path& root, const Config& config) {
    Machine machine;
    for (const fs::path& folder : entries(root / "sys/class/net"))
        if (fs::is_directory(folder))
            machine.nics.emplace(folder.filename().string(), read_nic(root, folder));
    machine.cores = read_cores(root);
    for (const InterfaceConfig& interface : config.interfaces)
        if (interface.attach == AttachKind::pci &&
            fs::exists(root / "sys/bus/pci/devices" / interface.pci))
            machine.pci.emplace(interface.pci, read_pci(root, interface.pci));
    read_memory(machine, root);
    read_kernel(machine, root);
    read_sockets(machine, root);
    read_local_ports(machine, root);
    return machine;
}

}  // namespace usher
