// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "control/machine_check.hpp"
#include "dataplane/port.hpp"

namespace usher {

namespace {

enum class Xdp : std::uint8_t { unknown, native, zero_copy };

// Linux's drivers that run XDP programs themselves, as of Linux 6.12; others leave it to the stack.
Xdp xdp_of(std::string_view driver) {
    constexpr std::array<std::string_view, 11> kZeroCopy{
        "i40e",    "ice",       "ixgbe", "igc", "mlx5_core",    "nfp",
        "st_gmac", "stmmaceth", "tsnep", "gve", "fsl_dpaa2_eth"};
    constexpr std::array<std::string_view, 22> kNative{
        "igb",      "ixgbevf",   "virtio_net",    "veth",  "tun",       "bnxt_en",
        "ena",      "mlx4_core", "mlx4_en",       "mana",  "hv_netvsc", "sfc",
        "qede",     "ionic",     "mvneta",        "mvpp2", "fsl_enetc", "vmxnet3",
        "atlantic", "bonding",   "thunder-nicvf", "vif"};
    const auto has = [&](const auto& names) {
        return std::find(names.begin(), names.end(), driver) != names.end();
    };
    if (has(kZeroCopy)) return Xdp::zero_copy;
    return has(kNative) ? Xdp::native : Xdp::unknown;
}

class Judge {
  public:
    Judge(const InterfaceConfig& interface, Findings& findings)
        : interface_(interface), name_(interface.name), wire_(name_), findings_(findings) {}

    void error(const std::string& what, const std::string& remedy) {
        add(Grade::error, what, remedy);
    }
    void advice(const std::string& what, const std::string& remedy) {
        add(Grade::advice, what, remedy);
    }
    void ok(const std::string& what) { add(Grade::ok, what, {}); }

    // `wire` has the frames: of a VLAN, the interface below it.
    void af_xdp(const NicFacts& nic, const NicFacts& wire, const Config& config);
    void node(int nic, const Machine& machine, const PlannedCores& cores);
    // `queues`: those that it receives by; 0: not known.
    void queues(unsigned queues, const Config& config, const PlannedCores& cores);
    void exception(const Machine& machine);

  private:
    void add(Grade grade, const std::string& what, const std::string& remedy) {
        findings_.push_back({grade, name_ + ": " + what, remedy});
    }
    void state(const NicFacts& nic);
    void driver(const NicFacts& nic);
    void offloads_and_programs(const NicFacts& nic);

    const InterfaceConfig& interface_;
    const std::string name_;
    std::string wire_;  // what ethtool is to be told about
    Findings& findings_;
};

void Judge::state(const NicFacts& nic) {
    if (!nic.ethernet) error("not an Ethernet interface", "name another one in [[interface]]");
    if (!nic.up)
        error("down", fmt::format("ip link set {} up", name_));
    else if (nic.link == false)
        advice("no link", "the cable, and the port of the switch");
    if (nic.mtu > kMaxMtu)
        error(fmt::format("an MTU of {}; at most {} is supported", nic.mtu, kMaxMtu),
              fmt::format("ip link set {} mtu {}", name_, kMaxMtu));
}

// Generic XDP comes after the stack has received the packet, and joined it with others.
void Judge::driver(const NicFacts& nic) {
    const Xdp xdp = xdp_of(nic.driver);
    const bool generic = xdp == Xdp::unknown || interface_.xdp == XdpMode::generic;
    const std::string who = nic.driver.empty() ? "its driver" : "driver " + nic.driver;
    if (xdp == Xdp::unknown && interface_.xdp == XdpMode::native)
        error(fmt::format("xdp = \"native\", and {} is not known to run XDP programs", who),
              "xdp = \"auto\", or a NIC with such a driver (docs/hardware.md)");
    else if (xdp == Xdp::unknown)
        advice(fmt::format("{} is not known to run XDP programs; in the stack they cost several "
                           "times as much a packet",
                           who),
               "another NIC, or attach = \"pci\" (docs/hardware.md)");
    if (xdp == Xdp::native && interface_.zero_copy == ZeroCopy::on)
        advice(fmt::format("zero_copy = \"on\", and {} is not known to do without copying", who),
               "zero_copy = \"auto\"");
    if (generic && nic.joined)
        advice("received packets are joined before an XDP program in the stack sees them",
               fmt::format("ethtool -K {} gro off", wire_));
}

void Judge::offloads_and_programs(const NicFacts& nic) {
    if (!nic.foreign_program.empty())
        error(fmt::format("has an XDP program that is not ours ({})", nic.foreign_program),
              fmt::format("stop its owner, or ip link set {} xdp off", wire_));
    if (nic.large_receive && interface_.xdp != XdpMode::generic)
        add(interface_.xdp == XdpMode::native ? Grade::error : Grade::advice,
            "the NIC joins received packets (LRO), and drivers refuse XDP with that, or turn it "
            "off",
            fmt::format("ethtool -K {} lro off", wire_));
    if (nic.strips_vlan && nic.has_vlans)
        advice(
            "the NIC takes VLAN tags off, so that XDP cannot tell the networks apart; usherd "
            "stops that where it serves VLANs itself",
            fmt::format("ethtool -K {} rxvlan off", wire_));
}

void Judge::af_xdp(const NicFacts& nic, const NicFacts& wire, const Config& config) {
    if (!nic.vlan_of.empty()) wire_ = nic.vlan_of;
    const std::size_t before = findings_.size();
    state(nic);
    driver(wire);
    offloads_and_programs(wire);
    if (nic.reverse_path_filter == 1 && config.other == OtherTraffic::kernel)
        advice(
            "what is left to Linux is dropped there when its answer would leave by another "
            "interface (rp_filter = 1)",
            fmt::format("sysctl -w net.ipv4.conf.{}.rp_filter=2", name_));
    if (findings_.size() == before)
        ok(fmt::format("up{}, driver {}{}, MTU {}",
                       nic.vlan_of.empty() ? "" : ", VLAN of " + nic.vlan_of, wire.driver,
                       xdp_of(wire.driver) == Xdp::zero_copy ? " (XDP without copying)" : " (XDP)",
                       nic.mtu));
}

void Judge::node(int nic, const Machine& machine, const PlannedCores& cores) {
    if (nic < 0) return;
    std::vector<unsigned> far;
    for (const unsigned core : cores.workers)
        if (const auto facts = machine.cores.find(core); facts != machine.cores.end() &&
                                                         facts->second.numa_node >= 0 &&
                                                         facts->second.numa_node != nic)
            far.push_back(core);
    if (!far.empty())
        advice(fmt::format("on NUMA node {}, far from worker cores {}", nic, fmt::join(far, ", ")),
               fmt::format("workers on cores of node {} (`lscpu -e`)", nic));
}

void Judge::queues(unsigned queues, const Config& config, const PlannedCores& cores) {
    const std::size_t workers = cores.workers.size();
    if (queues == 0 || queues >= workers || config.spread) return;
    const bool of_linux = interface_.attach == AttachKind::af_xdp;
    advice(
        fmt::format("what it receives is for {} of {} workers only, as it has {} receive queue{}",
                    queues, workers, queues, queues == 1 ? "" : "s"),
        fmt::format("{}, or [workers] spread = true",
                    of_linux ? fmt::format("ethtool -L {} combined {}", wire_, workers)
                             : fmt::format("queues = {}", workers)));
}

void Judge::exception(const Machine& machine) {
    const std::string& name = interface_.exception_name();
    if (name.empty()) return;
    if (!machine.has_tun)
        error("Linux has no taps, which its interface of this name would be",
              "modprobe tun; in a container, allow /dev/net/tun");
    const auto taken = machine.nics.find(name);
    if (taken != machine.nics.end() && !taken->second.plain_tap)
        error(fmt::format("Linux's interface for it would be {}, and there is one which is no tap",
                          name),
              fmt::format("ip link set {} name OTHER, or another name in [[interface]]", name));
}

}  // namespace

void check_nics(const Config& config, const Machine& machine, const PlannedCores& cores,
                Findings& findings) {
    for (const InterfaceConfig& interface : config.interfaces) {
        Judge judge(interface, findings);
        const auto nic = machine.nics.find(interface.name);
        if (interface.attach == AttachKind::pci) {
            findings.push_back(judge_pci(interface, machine));
            if (const auto device = machine.pci.find(interface.pci); device != machine.pci.end())
                judge.node(device->second.numa_node, machine, cores);
            judge.queues(interface.queues, config, cores);
        } else if (interface.attach == AttachKind::device) {
            judge.ok("a device of DPDK's, for tests and benchmarks: not looked at");
        } else if (nic == machine.nics.end()) {
            judge.error("there is no such interface", "`ip link` lists those that exist");
        } else {
            const auto below = machine.nics.find(nic->second.vlan_of);
            const NicFacts& wire = below == machine.nics.end() ? nic->second : below->second;
            judge.af_xdp(nic->second, wire, config);
            judge.node(wire.numa_node, machine, cores);
            judge.queues(wire.receive_queues, config, cores);
        }
        judge.exception(machine);
    }
}

}  // namespace usher
