// SPDX-License-Identifier: BSD-3-Clause
// A machine on which all is well, and one thing wrong at a time.
#include "control/machine_check.hpp"

#include <gtest/gtest.h>

namespace usher {
namespace {

constexpr const char* kNic = "0000:03:00.0";

ServiceConfig web() {
    ServiceConfig service;
    service.key.address = *IpAddress::parse("203.0.113.10");
    service.key.port = 80;
    return service;
}

struct Box {
    Config config;
    Machine machine;
    PlannedCores cores{{2, 3}, 0};

    Box() {
        config.interfaces.resize(1);
        config.interfaces[0].name = "eth0";
        config.connection_table_bits = 20;
        config.services = {web()};
        NicFacts nic;
        nic.up = true;
        nic.link = true;
        nic.driver = "i40e";
        nic.receive_queues = 2;
        nic.numa_node = 0;
        machine.nics["eth0"] = nic;
        for (unsigned core = 0; core < 4; ++core)
            machine.cores[core] = {core >= 2, "performance", 0, {}};
        machine.hugepages = machine.free_hugepages = 1024;
        machine.available_memory = std::uint64_t{4} << 30;
        machine.transparent_hugepages = "madvise";
        machine.capabilities = ~std::uint64_t{0};
        machine.release = "6.1.0-13-amd64";
        machine.bpf_jit = 1;
        machine.local_ports = PortRange{32768, 60999};
        machine.has_iommu = machine.has_vfio_pci = machine.has_tun = true;
        machine.addresses = {{*IpAddress::parse("203.0.113.10")}};
    }
    NicFacts& nic() { return machine.nics["eth0"]; }
    PciFacts& pci() { return machine.pci[kNic]; }

    void use_pci() {
        config.interfaces[0].name = "wan0";
        config.interfaces[0].attach = AttachKind::pci;
        config.interfaces[0].pci = kNic;
        pci().is_network = true;
        pci().vendor = 0x8086;
        pci().driver = "vfio-pci";
        pci().iommu_group = "17";
    }
    MasqueradeRule& masquerade() {
        MasqueradeRule& rule = config.masquerade.emplace_back();
        rule.inside = {Prefix::of(*IpAddress::parse("10.0.0.0"), 24)};
        return rule;
    }
    // What is not ok, as text.
    std::string complaints() const {
        Findings all = check_machine(config, machine, cores);
        std::erase_if(all, [](const Finding& each) { return each.grade == Grade::ok; });
        return to_text(all);
    }
};

TEST(MachineCheck, AllIsWell) {
    const Box box;
    EXPECT_EQ(to_text(check_machine(box.config, box.machine, box.cores)),
              "ok      Linux 6.1.0-13-amd64\n"
              "ok      privileges to start are there\n"
              "ok      hugepages: 1024 of 2 MiB are free, 48 are needed\n"
              "ok      a full table of 2^20 connections takes 108 MiB of 4096 MiB\n"
              "ok      workers are alone on cores 2, 3\n"
              "ok      eth0: up, driver i40e (XDP without copying), MTU 1500\n");
    EXPECT_FALSE(has_error(check_machine(box.config, box.machine, box.cores)));
}

TEST(MachineCheck, WhatIsNotKnownIsNotComplainedAbout) {
    Box box;
    box.machine = Machine{};
    box.machine.nics["eth0"].up = true;
    box.machine.nics["eth0"].driver = "veth";
    box.machine.hugepages = box.machine.free_hugepages = 48;
    EXPECT_EQ(box.complaints(), "");
}

struct Case {
    const char* name;
    void (*change)(Box&);
    const char* expected;
};

std::ostream& operator<<(std::ostream& out, const Case& each) {
    return out << each.name;
}

const Case kCases[] = {
    {"old_kernel", [](Box& b) { b.machine.release = "5.4.0"; },
     "advice  Linux 5.4.0 is older than 5.10, which XDP is known to work with: use a newer "
     "kernel\n"},
    {"no_privileges", [](Box& b) { b.machine.capabilities = 0; },
     "error   privileges are missing: CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_IPC_LOCK, "
     "CAP_DAC_READ_SEARCH: run it as root, or in a container with these capabilities\n"},
    {"interpreted", [](Box& b) { b.machine.bpf_jit = 0; },
     "advice  XDP programs are interpreted, not compiled: sysctl -w net.core.bpf_jit_enable=1\n"},
    {"linux_forwards", [](Box& b) { b.machine.forwards_ipv4 = true; },
     "advice  Linux forwards by itself whenever usherd does not run: sysctl -w "
     "net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0, unless other programs need it\n"},
    {"linux_should_forward", [](Box& b) { b.config.other = OtherTraffic::kernel; },
     "advice  other = \"kernel\" leaves packets to Linux, and Linux does not forward them: sysctl "
     "-w net.ipv4.ip_forward=1\n"},
    {"few_hugepages",
     [](Box& b) {
         b.machine.hugepages = 100;
         b.machine.free_hugepages = 40;
     },
     "advice  hugepages: 40 of 2 MiB are free and 48 are needed for 16384 packet buffers; it "
     "works without, a little slower: echo 108 > "
     "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages, and for the next boot hugepagesz=2M "
     "hugepages=108 on the kernel's command line\n"},
    {"hugepages_that_usherd_has",
     [](Box& b) {
         b.machine.hugepages = 100;
         b.machine.free_hugepages = 40;
         b.machine.usherd_runs = true;
     },
     ""},
    {"hugepages_too_few_for_the_usherd_that_runs",
     [](Box& b) {
         b.machine.hugepages = 40;
         b.machine.free_hugepages = 0;
         b.machine.usherd_runs = true;
         b.use_pci();
     },
     "error   hugepages: 0 of 2 MiB are free and 56 are needed for 20480 packet buffers; a NIC of "
     "its own (attach = \"pci\") needs them: echo 96 > "
     "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages, and for the next boot hugepagesz=2M "
     "hugepages=96 on the kernel's command line\n"},
    {"hugepages_for_vlans",  // of one NIC, which is opened once
     [](Box& b) {
         b.config.interfaces.resize(3);
         b.machine.nics["eth0.10"] = b.machine.nics["eth0.20"] = b.nic();
         for (const char* vlan : {"eth0.10", "eth0.20"})
             b.machine.nics[vlan].vlan_of = "eth0";
         b.config.interfaces[1].name = "eth0.10";
         b.config.interfaces[2].name = "eth0.20";
         b.machine.free_hugepages = 48;
     },
     ""},
    {"hugepages_for_vlans_of_one_that_is_not_named",
     [](Box& b) {
         b.config.interfaces.resize(2);
         b.machine.nics["eth0.10"] = b.machine.nics["eth0.20"] = b.nic();
         for (const char* vlan : {"eth0.10", "eth0.20"})
             b.machine.nics[vlan].vlan_of = "eth0";
         b.config.interfaces[0].name = "eth0.10";
         b.config.interfaces[1].name = "eth0.20";
         b.machine.free_hugepages = 48;
     },
     ""},
    {"no_transparent_hugepages", [](Box& b) { b.machine.transparent_hugepages = "never"; },
     "advice  transparent hugepages are off, and the connection table is slower without: echo "
     "madvise > /sys/kernel/mm/transparent_hugepage/enabled\n"},
    {"table_too_large", [](Box& b) { b.config.connection_table_bits = 27; },
     "error   a full table of 2^27 connections takes 13824 MiB of 4096 MiB: lower "
     "connection_table_bits, or more memory\n"},
    {"table_of_the_usherd_that_runs",
     [](Box& b) {
         b.config.connection_table_bits = 27;
         b.machine.usherd_runs = true;
     },
     "advice  a full table of 2^27 connections takes 13824 MiB of 4096 MiB that are left beside "
     "the usherd which runs, and has its table already: look again when it does not run, should "
     "the table have grown\n"},
    {"core_is_off", [](Box& b) { b.machine.cores.erase(3); },
     "error   core 3 does not exist or is off: name others in [workers] cores; `lscpu -e` lists "
     "them\n"},
    {"core_twice",
     [](Box& b) {
         b.cores.workers = {2, 2};
     },
     "advice  two workers share core 2: name each core once in [workers] cores\n"},
    {"core_of_the_control_thread", [](Box& b) { b.cores.main = 2; },
     "advice  core 2 is a worker's and the control thread's, too: leave usherd a core that no "
     "worker has\n"},
    {"not_isolated", [](Box& b) { b.machine.cores[3].isolated = false; },
     "advice  core 3 is open to other programs, which cost packets under load: isolcpus=3 "
     "nohz_full=3 rcu_nocbs=3 on the kernel's command line, and reboot\n"},
    {"slow_clock", [](Box& b) { b.machine.cores[2].governor = "powersave"; },
     "advice  core 2: the clock is lowered between bursts (governor powersave): cpupower -c 2 "
     "frequency-set -g performance\n"},
    {"siblings",
     [](Box& b) {
         b.machine.cores[2].siblings = {3};
         b.machine.cores[3].siblings = {2};
     },
     "advice  2 and 3 are one core's two hardware threads: two workers there are little more than "
     "one: name threads of different cores; `lscpu -e` shows them\n"},
    {"two_nodes",
     [](Box& b) {
         b.machine.cores[3].numa_node = 1;
         b.nic().numa_node = -1;
     },
     "advice  the workers are on NUMA nodes 0, 1, and share one table: cores of one node, the "
     "NICs' (`lscpu -e`)\n"},
    {"far_nic", [](Box& b) { b.nic().numa_node = 1; },
     "advice  eth0: on NUMA node 1, far from worker cores 2, 3: workers on cores of node 1 "
     "(`lscpu -e`)\n"},
    {"no_interface", [](Box& b) { b.machine.nics.clear(); },
     "error   eth0: there is no such interface: `ip link` lists those that exist\n"},
    {"not_ethernet", [](Box& b) { b.nic().ethernet = false; },
     "error   eth0: not an Ethernet interface: name another one in [[interface]]\n"},
    {"down", [](Box& b) { b.nic().up = false; }, "error   eth0: down: ip link set eth0 up\n"},
    {"no_link", [](Box& b) { b.nic().link = false; },
     "advice  eth0: no link: the cable, and the port of the switch\n"},
    {"jumbo", [](Box& b) { b.nic().mtu = 9000; },
     "error   eth0: an MTU of 9000; at most 1500 is supported: ip link set eth0 mtu 1500\n"},
    {"foreign_program", [](Box& b) { b.nic().foreign_program = "xdp_pass"; },
     "error   eth0: has an XDP program that is not ours (xdp_pass): stop its owner, or ip link set "
     "eth0 xdp off\n"},
    {"foreign_program_below",
     [](Box& b) {
         b.machine.nics["eth1"] = b.nic();
         b.machine.nics["eth1"].foreign_program = "xdp_pass";
         b.nic().vlan_of = "eth1";
     },
     "error   eth0: has an XDP program that is not ours (xdp_pass): stop its owner, or ip link set "
     "eth1 xdp off\n"},
    {"driver_without_xdp",
     [](Box& b) {
         b.nic().driver = "e1000e";
         b.nic().joined = true;
     },
     "advice  eth0: driver e1000e is not known to run XDP programs; in the stack they cost several "
     "times as much a packet: another NIC, or attach = \"pci\" (docs/hardware.md)\n"
     "advice  eth0: received packets are joined before an XDP program in the stack sees them: "
     "ethtool -K eth0 gro off\n"},
    {"native_asked_for",
     [](Box& b) {
         b.nic().driver = "e1000e";
         b.config.interfaces[0].xdp = XdpMode::native;
     },
     "error   eth0: xdp = \"native\", and driver e1000e is not known to run XDP programs: xdp = "
     "\"auto\", or a NIC with such a driver (docs/hardware.md)\n"},
    {"zero_copy_asked_for",
     [](Box& b) {
         b.nic().driver = "ena";
         b.config.interfaces[0].zero_copy = ZeroCopy::on;
     },
     "advice  eth0: zero_copy = \"on\", and driver ena is not known to do without copying: "
     "zero_copy = \"auto\"\n"},
    {"large_receive", [](Box& b) { b.nic().large_receive = true; },
     "advice  eth0: the NIC joins received packets (LRO), and drivers refuse XDP with that, or "
     "turn "
     "it off: ethtool -K eth0 lro off\n"},
    {"large_receive_with_native_xdp",
     [](Box& b) {
         b.nic().large_receive = true;
         b.config.interfaces[0].xdp = XdpMode::native;
     },
     "error   eth0: the NIC joins received packets (LRO), and drivers refuse XDP with that, or "
     "turn "
     "it off: ethtool -K eth0 lro off\n"},
    {"tags_stripped",
     [](Box& b) {
         b.nic().strips_vlan = true;
         b.nic().has_vlans = true;
     },
     "advice  eth0: the NIC takes VLAN tags off, so that XDP cannot tell the networks apart; "
     "usherd stops that where it serves VLANs itself: "
     "ethtool -K eth0 rxvlan off\n"},
    {"tags_stripped_and_none_used", [](Box& b) { b.nic().strips_vlan = true; }, ""},
    {"vlan_without_xdp_below",
     [](Box& b) {
         b.machine.nics["eth1"] = b.nic();
         b.machine.nics["eth1"].strips_vlan = b.machine.nics["eth1"].has_vlans = true;
         b.nic().driver.clear();
         b.nic().vlan_of = "eth1";
     },
     "advice  eth0: the NIC takes VLAN tags off, so that XDP cannot tell the networks apart; "
     "usherd stops that where it serves VLANs itself: "
     "ethtool -K eth1 rxvlan off\n"},
    {"one_queue", [](Box& b) { b.nic().receive_queues = 1; },
     "advice  eth0: what it receives is for 1 of 2 workers only, as it has 1 receive queue: "
     "ethtool -L eth0 combined 2, or [workers] spread = true\n"},
    {"one_queue_and_spread",
     [](Box& b) {
         b.nic().receive_queues = 1;
         b.config.spread = true;
     },
     ""},
    {"masquerading", [](Box& b) { b.masquerade(); }, ""},
    {"local_ports",
     [](Box& b) {
         b.machine.local_ports = PortRange{1024, 65535};
         b.machine.reserved_ports = "8080,61000-62000";
         b.masquerade();
         b.masquerade();
     },
     "advice  Linux takes ports 1024-65535 for the box's own connections, and of its addresses "
     "masquerading has 61000-65535: connections from these get no answer: sysctl -w "
     "net.ipv4.ip_local_reserved_ports=8080,61000-62000,61000-65535\n"},
    {"local_ports_of_an_address_in_a_pool",
     [](Box& b) {
         const IpAddress own = *IpAddress::parse("203.0.113.10");
         b.masquerade().outside = {{own, own}};
         b.config.masquerade[0].ports = PortRange{60000, 61999};
     },
     "advice  Linux takes ports 32768-60999 for the box's own connections, and of its addresses "
     "masquerading has 60000-61999: connections from these get no answer: sysctl -w "
     "net.ipv4.ip_local_reserved_ports=60000-60999\n"},
    {"local_ports_of_others",
     [](Box& b) {
         const IpAddress other = *IpAddress::parse("203.0.113.11");
         b.masquerade().outside = {{other, other}};
         b.config.masquerade[0].ports = PortRange{1, 65535};
     },
     ""},
    {"local_ports_that_are_reserved",
     [](Box& b) {
         b.machine.local_ports = PortRange{1024, 65535};
         b.machine.reserved_ports = "61000-65535";
         b.masquerade();
     },
     ""},
    {"reverse_path_filter",
     [](Box& b) {
         b.nic().reverse_path_filter = 1;
         b.config.other = OtherTraffic::kernel;
         b.machine.forwards_ipv4 = true;
     },
     "advice  eth0: what is left to Linux is dropped there when its answer would leave by another "
     "interface (rp_filter = 1): sysctl -w net.ipv4.conf.eth0.rp_filter=2\n"},
    {"absent_address", [](Box& b) { b.machine.addresses->clear(); },
     "advice  203.0.113.10 is none of the box's addresses: ip addr add 203.0.113.10/32 dev "
     "INTERFACE, unless routers send it here or keepalived adds it\n"},
    {"own_server",
     [](Box& b) {
         b.config.services[0].servers = {{{*IpAddress::parse("203.0.113.10"), 8080}, {}}};
     },
     "error   TCP 203.0.113.10:80: the server 203.0.113.10:8080 is the box itself: name servers of "
     "other machines only\n"},
    {"kernel_ipvs", [](Box& b) { b.machine.ipvs = {web().key}; },
     "advice  TCP 203.0.113.10:80 is a service of the kernel's IPVS, too, which gets its packets "
     "whenever usherd does not run: /usr/sbin/ipvsadm -C, if that is not wanted\n"},
    {"listener",
     [](Box& b) {
         b.machine.listeners = {{Protocol::tcp, web().key.address, 80}};
     },
     "advice  a program of this box waits on TCP 203.0.113.10:80 and will not hear anything: the "
     "service has its packets: `ss -tulnp` shows which; let it wait elsewhere\n"},
    {"listener_on_every_address",
     [](Box& b) {
         b.machine.listeners = {{Protocol::tcp, IpAddress(), 80}};
     },
     ""},
    {"pci", [](Box& b) { b.use_pci(); }, ""},
    {"pci_absent",
     [](Box& b) {
         b.use_pci();
         b.machine.pci.clear();
     },
     "error   wan0: there is no PCI device 0000:03:00.0: `lspci -D | grep Ethernet` lists the "
     "network devices\n"},
    {"pci_not_network",
     [](Box& b) {
         b.use_pci();
         b.pci().is_network = false;
     },
     "error   wan0: 0000:03:00.0 is not a network device: `lspci -D | grep Ethernet` lists those "
     "that are\n"},
    {"pci_connectx",
     [](Box& b) {
         b.use_pci();
         b.pci().vendor = 0x15b3;
     },
     "error   wan0: 0000:03:00.0 is a ConnectX, which Linux's driver and DPDK's share: attach = "
     "\"af_xdp\", with the name of its interface in `ip link`\n"},
    {"pci_no_iommu",
     [](Box& b) {
         b.use_pci();
         b.machine.has_iommu = false;
     },
     "error   wan0: the IOMMU is off, which keeps a device to the memory that it was given: "
     "intel_iommu=on (AMD: amd_iommu=on) and iommu=pt on the kernel's command line, and VT-d or "
     "AMD-Vi in the firmware; then reboot\n"},
    {"pci_outside_iommu",
     [](Box& b) {
         b.use_pci();
         b.pci().iommu_group.clear();
     },
     "error   wan0: 0000:03:00.0 is behind no IOMMU: another slot, or VT-d or AMD-Vi in the "
     "firmware\n"},
    {"pci_no_driver",
     [](Box& b) {
         b.use_pci();
         b.pci().driver.clear();
         b.machine.has_vfio_pci = false;
     },
     "error   wan0: 0000:03:00.0 has no driver: modprobe vfio-pci; driverctl set-override "
     "0000:03:00.0 vfio-pci\n"},
    {"pci_other_driver",
     [](Box& b) {
         b.use_pci();
         b.pci().driver = "ixgbe";
         b.pci().interface = "eth5";
     },
     "error   wan0: 0000:03:00.0 is in use by driver ixgbe, as Linux's interface eth5: driverctl "
     "set-override 0000:03:00.0 vfio-pci, after which eth5 is gone: not the one that you are "
     "logged in over\n"},
    {"pci_uio",
     [](Box& b) {
         b.use_pci();
         b.pci().driver = "uio_pci_generic";
     },
     "error   wan0: 0000:03:00.0 is in use by driver uio_pci_generic: driverctl set-override "
     "0000:03:00.0 vfio-pci\n"},
    {"pci_group",
     [](Box& b) {
         b.use_pci();
         b.pci().group = {{"0000:03:00.1", "ixgbe"}, {"0000:03:00.2", "vfio-pci"}};
     },
     "error   wan0: 0000:03:00.0 shares IOMMU group 17 with 0000:03:00.1 (ixgbe): give those to "
     "vfio-pci as well, or use another slot\n"},
    {"pci_without_hugepages",
     [](Box& b) {
         b.use_pci();
         b.machine.hugepages = b.machine.free_hugepages = 0;
     },
     "error   hugepages: 0 of 2 MiB are free and 56 are needed for 20480 packet buffers; a NIC of "
     "its own (attach = \"pci\") needs them: echo 56 > "
     "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages, and for the next boot hugepagesz=2M "
     "hugepages=56 on the kernel's command line\n"},
    {"pci_one_queue",
     [](Box& b) {
         b.use_pci();
         b.config.interfaces[0].queues = 1;
     },
     "advice  wan0: what it receives is for 1 of 2 workers only, as it has 1 receive queue: queues "
     "= 2, or [workers] spread = true\n"},
    {"exception_is_a_tap",
     [](Box& b) {
         b.use_pci();
         b.machine.nics["wan0"].plain_tap = true;
     },
     ""},
    {"exception_name_is_taken",
     [](Box& b) {
         b.use_pci();
         b.machine.nics["wan0"].plain_tap = false;
     },
     "error   wan0: Linux's interface for it would be wan0, and there is one which is no tap: ip "
     "link set wan0 name OTHER, or another name in [[interface]]\n"},
    {"no_taps",
     [](Box& b) {
         b.use_pci();
         b.machine.has_tun = false;
     },
     "error   wan0: Linux has no taps, which its interface of this name would be: modprobe tun; in "
     "a container, allow /dev/net/tun\n"},
};

class MachineCheckCases : public testing::TestWithParam<Case> {};

TEST_P(MachineCheckCases, Complains) {
    Box box;
    GetParam().change(box);
    EXPECT_EQ(box.complaints(), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(All, MachineCheckCases, testing::ValuesIn(kCases),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace usher
