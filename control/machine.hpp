// SPDX-License-Identifier: BSD-3-Clause
// What `usherd --check` knows of the machine: plain values, read from /proc and /sys. What these
// files do not tell (offloads, addresses, XDP programs) is asked of the kernel by ask_kernel().
// Everything that cannot be read keeps its default, which the judgement takes as "not known".
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "conf/model.hpp"

namespace usher {

// A network interface of Linux.
struct NicFacts {
    bool ethernet = true;
    bool up = false;  // by the operator
    std::optional<bool> link;
    std::uint32_t mtu = 1500;
    unsigned receive_queues = 0;  // 0: not known
    std::string driver;           // empty: not known
    int numa_node = -1;
    std::string vlan_of;     // the interface that has its frames, with a tag; empty: it is none
    bool has_vlans = false;  // interfaces that take tagged frames from it
    bool plain_tap = false;  // with one queue: it can be an exception interface
    int reverse_path_filter = 0;  // net.ipv4.conf.*.rp_filter, the higher of its own and all's
    // From the kernel:
    bool large_receive = false;  // LRO: frames are joined by the NIC
    bool joined = false;         // GRO: frames are joined by the kernel
    bool strips_vlan = false;
    std::string foreign_program;  // an XDP program that is not ours
};

struct CoreFacts {
    bool isolated = false;
    std::string governor;  // empty: the frequency is not the kernel's to choose
    int numa_node = -1;
    std::vector<unsigned> siblings;  // hardware threads of the same core, without itself
};

// A device on the PCI bus.
struct PciFacts {
    struct Peer {
        std::string address;
        std::string driver;
        friend bool operator==(const Peer&, const Peer&) = default;
    };
    bool is_network = false;
    std::uint16_t vendor = 0;
    std::string driver;       // empty: none is bound
    std::string interface;    // that Linux has of it; empty: none
    std::string iommu_group;  // empty: none
    std::vector<Peer> group;  // the other devices of its group, without bridges
    int numa_node = -1;
};

// A program of the box that waits for packets.
struct Listener {
    Protocol protocol = Protocol::tcp;
    IpAddress address;
    std::uint16_t port = 0;
    friend auto operator<=>(const Listener&, const Listener&) = default;
};

struct Machine {
    std::map<std::string, NicFacts> nics;  // all that there are
    std::map<unsigned, CoreFacts> cores;   // those that are on
    std::map<std::string, PciFacts> pci;   // of those that the file names, which exist

    std::uint64_t hugepages = 0;  // of 2 MiB
    std::uint64_t free_hugepages = 0;
    std::uint64_t available_memory = 0;         // bytes; 0: not known
    std::string transparent_hugepages;          // "always", "madvise", "never"; empty: none
    std::optional<std::uint64_t> capabilities;  // those in effect, a bit each
    std::string release;                        // "6.1.0-13-amd64"
    std::optional<int> bpf_jit;
    bool forwards_ipv4 = false;
    bool forwards_ipv6 = false;
    bool has_iommu = false;
    bool has_vfio_pci = false;
    bool has_tun = false;
    std::optional<PortRange> local_ports;  // that Linux takes for the box's own connections
    std::string reserved_ports;            // but for these: a list
    std::vector<Listener> listeners;
    std::vector<ServiceKey> ipvs;  // that the kernel's own balancer has; not by mark
    // From the kernel:
    std::optional<std::set<IpAddress>> addresses;  // of the box
    bool usherd_runs = false;  // one answers on the file's socket: what it has is not free
};

// From the files below `root`: "/" but in tests.
Machine read_machine(const std::filesystem::path& root, const Config& config);

// Adds what only the running kernel can say of the interfaces that the file names.
void ask_kernel(Machine& machine, const Config& config);

// "0-2,5" -> {0, 1, 2, 5}, as Linux writes lists of processors, and of ports.
std::vector<unsigned> read_cpu_list(std::string_view text);
// The tables of /proc/net: tcp, tcp6, udp, udp6.
std::vector<Listener> read_listeners(Protocol protocol, Family family, std::string_view text);
std::vector<ServiceKey> read_ipvs(std::string_view text);  // /proc/net/ip_vs

}  // namespace usher
