// SPDX-License-Identifier: BSD-3-Clause
// One interface, as a DPDK port that workers poll. Opened, asked and closed by the control thread;
// workers use only id() and queue numbers, with rte_eth_rx_burst and rte_eth_tx_burst.
//
// af_xdp (the default): the NIC stays with Linux; opening it attaches our XDP program, which sends
// nothing to us until Steering is told what is ours. As many transmit as receive queues: those that
// the interface has. When the interface goes (a cable of a virtual machine, a veth), close() the
// port and open it again when one of that name is back; statistics go on.
// Otherwise any DPDK device string ("net_ring0", "net_pcap0,iface=eth0", ...): no kernel, no XDP.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nat/address.hpp"
#include "nat/result.hpp"

struct rte_mempool;

namespace usher {

struct KernelInterface;

// Where the XDP program runs: in the NIC's driver, or (generic) after it, which is slower and works
// with every driver. By itself it is the first where the driver has it and takes our program.
enum class XdpPlace : std::uint8_t { automatic, native, generic };
enum class Copying : std::uint8_t { automatic, never, always };  // between NIC and our memory

struct PortConfig {
    std::string interface;        // for af_xdp: as in `ip link`; else only for messages
    std::string device;           // empty: af_xdp; else a DPDK device string
    bool on_pci_bus = false;      // `device` is a PCI address that EalConfig names
    bool for_linux_too = false;   // Linux has an interface for it (exception_path.hpp)
    std::uint16_t queues = 0;     // af_xdp: 0 or what the interface has; device: to receive
    std::uint16_t rx_queues = 1;  // a device's, wanted; fewer if the device has fewer
    std::uint16_t tx_queues = 1;  // likewise: the number of workers that want to transmit
    XdpPlace xdp = XdpPlace::automatic;
    Copying copying = Copying::automatic;
    std::uint16_t descriptors = 2048;  // of a queue; af_xdp takes about twice as many mbufs
};

// Since the port was opened. Bytes without the Ethernet checksum.
struct PortStatistics {
    std::uint64_t rx_packets = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t rx_missed = 0;  // no room in the ring: the worker was too slow
    std::uint64_t rx_errors = 0;
    std::uint64_t rx_no_mbuf = 0;  // the pool was empty
    std::uint64_t tx_packets = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t tx_errors = 0;
};

constexpr std::uint16_t kMaxMtu = 1500;  // plus 14 bytes of Ethernet header

class Port {
  public:
    // `pool` is from make_packet_pool(); ports may and should share one, so that a packet goes from
    // one to the other without being copied. Fails with a sentence that says what to do.
    static Result<Port> open(const PortConfig& config, rte_mempool* pool);

    Port(Port&& other) noexcept;
    Port& operator=(Port&&) = delete;
    ~Port();  // closes; detaches the XDP program. No worker may use the port any more.

    // The interface is gone, or is to be opened anew. No worker may use the port any more. Packets
    // that lay in its rings go back to the pool (in zero-copy mode, not those that the NIC held).
    void close();
    // After close(): an interface of the same name, or the same device. The id, the MAC address and
    // the queues may be others than before.
    Result<void> reopen();
    bool is_open() const { return started_; }
    // af_xdp: the kernel has taken the interface away, deleted or moved; nothing comes any more.
    bool is_lost() const;
    // af_xdp: the XDP program that the interface has. Anybody may take ours off or put another one
    // in its place (`ip link set eth0 xdp off`), and then nothing comes any more.
    enum class Program : std::uint8_t { ours, none, foreign };
    Program program() const;

    std::uint16_t id() const { return id_; }
    std::uint16_t rx_queues() const { return rx_queues_; }
    std::uint16_t tx_queues() const { return tx_queues_; }
    const std::string& interface() const { return interface_; }
    const MacAddress& mac() const { return mac_; }
    std::uint16_t mtu() const { return mtu_; }
    unsigned ifindex() const { return ifindex_; }  // 0: not the kernel's interface
    bool is_af_xdp() const { return ifindex_ != 0; }
    const std::string& note() const { return note_; }  // for the log when it was opened, or empty
    std::uint16_t queues_wanted() const { return config_.queues; }  // 0: those that there are
    // For a person: "native XDP, copying", or the driver's name.
    const std::string& attachment() const { return attachment_; }
    // The AF_XDP socket of a receive queue, which becomes readable with packets; -1: none.
    int socket(unsigned queue) const { return queue < sockets_.size() ? sockets_[queue] : -1; }
    // The maps of its XDP program, for Steering; they stay the driver's.
    std::vector<int> maps() const;

    bool link_up() const;
    PortStatistics statistics() const;

  private:
    Port(const PortConfig& config, rte_mempool* pool);
    Result<void> open_device(const std::string& device);
    Result<void> open_af_xdp();
    Result<void> probe(const std::string& device);
    Result<void> configure();
    Result<void> set_up_queues();
    Result<void> start();
    Result<void> attach(const KernelInterface& kernel, int program);
    Result<void> open_attached(const KernelInterface& kernel, int program, bool generic);
    Result<void> settle_xdp();
    bool has_foreign_program() const;
    Result<void> map_sockets() const;
    void take_off();

    PortConfig config_;
    rte_mempool* pool_;
    bool probed_ = false;
    bool started_ = false;
    bool was_open_ = false;
    std::uint16_t id_ = 0;
    std::uint16_t rx_queues_ = 0;
    std::uint16_t tx_queues_ = 0;
    std::uint16_t mtu_ = kMaxMtu;
    unsigned ifindex_ = 0;
    MacAddress mac_;
    std::string interface_;
    std::string note_;
    std::string attachment_;
    std::string refusal_;           // why the NIC's driver did not take the program, or empty
    std::uint32_t program_id_ = 0;  // the kernel's number
    std::vector<int> sockets_;      // by queue; the driver's
    std::vector<int> programs_;     // descriptors of what the driver loaded, which it never closes
    PortStatistics before_;         // of the times that it was open before
};

}  // namespace usher
