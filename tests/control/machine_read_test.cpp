// SPDX-License-Identifier: BSD-3-Clause
// A machine read from a tree of files that looks like /proc and /sys.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>

#include "control/machine.hpp"
#include "nat/unique_fd.hpp"

namespace usher {
namespace {

namespace fs = std::filesystem;

class MachineRead : public testing::Test {
  protected:
    MachineRead() {
        std::string name = (fs::temp_directory_path() / "usher-machine-XXXXXX").string();
        root_ = mkdtemp(name.data());
    }
    ~MachineRead() override { fs::remove_all(root_); }

    void file(const std::string& path, const std::string& text) {
        fs::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path) << text;
    }
    void link(const std::string& path, const std::string& target) {
        fs::create_directories((root_ / path).parent_path());
        fs::create_symlink(target, root_ / path);
    }
    Machine read(const Config& config = {}) { return read_machine(root_, config); }

    fs::path root_;
};

TEST_F(MachineRead, NothingToReadIsNothingKnown) {
    const Machine machine = read();
    EXPECT_TRUE(machine.nics.empty());
    EXPECT_TRUE(machine.cores.empty());
    EXPECT_FALSE(machine.capabilities);
    EXPECT_FALSE(machine.bpf_jit);
    EXPECT_EQ(machine.available_memory, 0U);
}

TEST_F(MachineRead, WhetherUsherdRuns) {
    Config config;
    config.control.socket = root_ / "usher.sock";
    Machine machine;
    ask_kernel(machine, config);
    EXPECT_FALSE(machine.usherd_runs);
    const UniqueFd listener(socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    config.control.socket.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ask_kernel(machine, config);
    EXPECT_FALSE(machine.usherd_runs);  // left by one that was killed
    ASSERT_EQ(listen(listener.get(), 1), 0);
    ask_kernel(machine, config);
    EXPECT_TRUE(machine.usherd_runs);
}

TEST_F(MachineRead, Interface) {
    const std::string eth0 = "sys/class/net/eth0/";
    file(eth0 + "flags", "0x1003\n");
    file(eth0 + "type", "1\n");
    file(eth0 + "carrier", "0\n");
    file(eth0 + "mtu", "9000\n");
    file(eth0 + "queues/rx-0/rps_cpus", "0\n");
    file(eth0 + "queues/rx-1/rps_cpus", "0\n");
    file(eth0 + "queues/tx-0/xps_cpus", "0\n");
    file(eth0 + "device/numa_node", "1\n");
    link(eth0 + "device/driver", "../../../../bus/pci/drivers/i40e");
    link(eth0 + "upper_lan", "../lan");
    file("sys/class/net/lan/uevent", "DEVTYPE=vlan\n");
    file("proc/sys/net/ipv4/conf/all/rp_filter", "0\n");
    file("proc/sys/net/ipv4/conf/eth0/rp_filter", "1\n");
    const NicFacts nic = read().nics.at("eth0");
    EXPECT_TRUE(nic.ethernet);
    EXPECT_TRUE(nic.up);
    EXPECT_EQ(nic.link, false);
    EXPECT_EQ(nic.mtu, 9000U);
    EXPECT_EQ(nic.receive_queues, 2U);
    EXPECT_EQ(nic.driver, "i40e");
    EXPECT_EQ(nic.numa_node, 1);
    EXPECT_TRUE(nic.has_vlans);
    EXPECT_EQ(nic.reverse_path_filter, 1);
}

TEST_F(MachineRead, Taps) {
    file("sys/class/net/wan0/tun_flags", "0x1802\n");  // IFF_TAP, IFF_NO_PI, IFF_PERSIST
    file("sys/class/net/wan1/tun_flags", "0x1902\n");  // IFF_MULTI_QUEUE, too
    file("sys/class/net/tun0/tun_flags", "0x1001\n");
    file("sys/class/net/eth0/type", "1\n");
    const Machine machine = read();
    EXPECT_TRUE(machine.nics.at("wan0").plain_tap);
    for (const char* other : {"wan1", "tun0", "eth0"})
        EXPECT_FALSE(machine.nics.at(other).plain_tap) << other;
}

TEST_F(MachineRead, LocalPorts) {
    EXPECT_FALSE(read().local_ports);
    file("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
    file("proc/sys/net/ipv4/ip_local_reserved_ports", "8080,9000-9100\n");
    EXPECT_EQ(read().local_ports, (PortRange{32768, 60999}));
    EXPECT_EQ(read().reserved_ports, "8080,9000-9100");
}

TEST_F(MachineRead, Vlan) {
    file("sys/class/net/lan.7/uevent", "DEVTYPE=vlan\nINTERFACE=lan.7\n");
    link("sys/class/net/lan.7/lower_eth1", "../eth1");
    file("sys/class/net/br0/uevent", "DEVTYPE=bridge\n");
    link("sys/class/net/br0/lower_eth2", "../eth2");
    const Machine machine = read();
    EXPECT_EQ(machine.nics.at("lan.7").vlan_of, "eth1");
    EXPECT_EQ(machine.nics.at("br0").vlan_of, "");
}

TEST_F(MachineRead, Cores) {
    const std::string cpu = "sys/devices/system/cpu/";
    file(cpu + "online", "0-2,5\n");
    file(cpu + "isolated", "2,5\n");
    file(cpu + "cpu2/cpufreq/scaling_governor", "powersave\n");
    file(cpu + "cpu2/topology/thread_siblings_list", "2,5\n");
    file(cpu + "cpu2/node1/meminfo", "");
    const Machine machine = read();
    ASSERT_EQ(machine.cores.size(), 4U);
    EXPECT_FALSE(machine.cores.at(0).isolated);
    EXPECT_TRUE(machine.cores.at(2).isolated);
    EXPECT_TRUE(machine.cores.at(5).isolated);
    EXPECT_EQ(machine.cores.at(2).governor, "powersave");
    EXPECT_EQ(machine.cores.at(2).siblings, std::vector<unsigned>{5});
    EXPECT_EQ(machine.cores.at(2).numa_node, 1);
}

TEST_F(MachineRead, PciDevice) {
    const std::string devices = "sys/bus/pci/devices/";
    file(devices + "0000:03:00.0/class", "0x020000\n");
    file(devices + "0000:03:00.0/vendor", "0x8086\n");
    file(devices + "0000:03:00.0/numa_node", "0\n");
    file(devices + "0000:03:00.0/net/eth5/mtu", "1500\n");
    link(devices + "0000:03:00.0/driver", "../../../bus/pci/drivers/ixgbe");
    link(devices + "0000:03:00.0/iommu_group", "../../../kernel/iommu_groups/17");
    file(devices + "0000:03:00.1/class", "0x020000\n");
    link(devices + "0000:03:00.1/driver", "../../../bus/pci/drivers/vfio-pci");
    file(devices + "0000:02:00.0/class", "0x060400\n");
    for (const char* member : {"0000:02:00.0", "0000:03:00.0", "0000:03:00.1"})
        file(std::string("sys/kernel/iommu_groups/17/devices/") + member, "");
    Config config;
    config.interfaces.resize(2);
    for (InterfaceConfig& interface : config.interfaces)
        interface.attach = AttachKind::pci;
    config.interfaces[0].pci = "0000:03:00.0";
    config.interfaces[1].pci = "0000:09:00.0";
    const Machine machine = read(config);
    EXPECT_FALSE(machine.pci.contains("0000:09:00.0"));
    EXPECT_TRUE(machine.has_iommu);
    EXPECT_FALSE(machine.has_vfio_pci);
    const PciFacts device = machine.pci.at("0000:03:00.0");
    EXPECT_TRUE(device.is_network);
    EXPECT_EQ(device.vendor, 0x8086);
    EXPECT_EQ(device.driver, "ixgbe");
    EXPECT_EQ(device.interface, "eth5");
    EXPECT_EQ(device.iommu_group, "17");
    EXPECT_EQ(device.group, (std::vector<PciFacts::Peer>{{"0000:03:00.1", "vfio-pci"}}));
}

TEST_F(MachineRead, KernelAndMemory) {
    file("proc/self/status", "Name:\tusherd\nCapInh:\t0\nCapEff:\t000001ffffffffff\n");
    file("proc/meminfo", "MemTotal: 8000 kB\nMemAvailable:    4096 kB\n");
    file("proc/sys/kernel/osrelease", "6.1.0-13-amd64\n");
    file("proc/sys/net/core/bpf_jit_enable", "0\n");
    file("proc/sys/net/ipv4/ip_forward", "1\n");
    file("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "512\n");
    file("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "500\n");
    file("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
    const Machine machine = read();
    EXPECT_EQ(machine.capabilities, 0x1ffffffffffU);
    EXPECT_EQ(machine.available_memory, 4096U * 1024);
    EXPECT_EQ(machine.release, "6.1.0-13-amd64");
    EXPECT_EQ(machine.bpf_jit, 0);
    EXPECT_TRUE(machine.forwards_ipv4);
    EXPECT_FALSE(machine.forwards_ipv6);
    EXPECT_EQ(machine.hugepages, 512U);
    EXPECT_EQ(machine.free_hugepages, 500U);
    EXPECT_EQ(machine.transparent_hugepages, "madvise");
}

TEST(MachineText, ListsOfCores) {
    EXPECT_EQ(read_cpu_list("0"), std::vector<unsigned>{0});
    EXPECT_EQ(read_cpu_list("1-3,7"), (std::vector<unsigned>{1, 2, 3, 7}));
    EXPECT_TRUE(read_cpu_list("").empty());
    EXPECT_TRUE(read_cpu_list("(null)").empty());
}

TEST(MachineText, ListeningSockets) {
    const std::string heading = "  sl  local_address rem_address   st tx_queue rx_queue\n";
    const auto tcp =
        read_listeners(Protocol::tcp, Family::ipv4,
                       heading +
                           "   0: 0A7100CB:0050 00000000:0000 0A 00000000:00000000 00:00000000\n"
                           "   1: 0A7100CB:1F90 076433C6:9C41 01 00000000:00000000 00:00000000\n");
    ASSERT_EQ(tcp.size(), 1U);  // the other one is a connection
    EXPECT_EQ(endpoint_text(tcp[0].address, tcp[0].port), "203.0.113.10:80");
    const auto udp =
        read_listeners(Protocol::udp, Family::ipv6,
                       heading +
                           "  12: B80D0120000000000000000001000000:0035 "
                           "00000000000000000000000000000000:0000 07 00000000:00000000\n");
    ASSERT_EQ(udp.size(), 1U);
    EXPECT_EQ(endpoint_text(udp[0].address, udp[0].port), "[2001:db8::1]:53");
}

TEST(MachineText, ServicesOfTheKernel) {
    const auto services = read_ipvs(
        "IP Virtual Server version 1.2.1 (size=4096)\n"
        "Prot LocalAddress:Port Scheduler Flags\n"
        "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
        "TCP  CB00710A:0050 wlc \n"
        "  -> 0A000064:0050      Masq    1      0          0\n"
        "UDP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0035 rr\n"
        "FWM  00000001 rr\n");
    ASSERT_EQ(services.size(), 2U);
    EXPECT_EQ(services[0].to_string(), "TCP 203.0.113.10:80");
    EXPECT_EQ(services[1].to_string(), "UDP [2001:db8::1]:53");
}

}  // namespace
}  // namespace usher
