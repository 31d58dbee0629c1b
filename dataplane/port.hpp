// SPDX-License-Identifier: BSD-3-Clause
// One interface, as a DPDK port that workers poll. Opened, asked and closed by the control thread;
// workers use only id() and queue numbers, with rte_eth_rx_burst and rte_eth_tx_burst.
//
// af_xdp (the default): the NIC stays with Linux; opening it attaches our XDP program, which sends
// nothing to us until Steering is told what is ours. The driver has as many transmit as receive
// queues, and here one of each: one worker owns the port, both ways.
// Otherwise any DPDK device string ("net_ring0", "net_pcap0,iface=eth0", ...): no kernel, no XDP.
#pragma once

#include <cstdint>
#include <string>

#include "nat/address.hpp"
#include "nat/result.hpp"

struct rte_mempool;

namespace usher {

struct PortConfig {
    std::string interface;             // for af_xdp: as in `ip link`; else only for messages
    std::string device;                // empty: af_xdp; else a DPDK device string
    std::uint16_t rx_queues = 1;       // wanted; fewer if the device has fewer
    std::uint16_t tx_queues = 1;       // likewise: the number of workers that want to transmit
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

    std::uint16_t id() const { return id_; }
    std::uint16_t rx_queues() const { return rx_queues_; }
    std::uint16_t tx_queues() const { return tx_queues_; }
    const std::string& interface() const { return interface_; }
    const MacAddress& mac() const { return mac_; }
    std::uint16_t mtu() const { return mtu_; }
    unsigned ifindex() const { return ifindex_; }  // 0: not the kernel's interface
    bool is_af_xdp() const { return ifindex_ != 0; }
    const std::string& note() const { return note_; }  // for the log at start, or empty

    bool link_up() const;
    PortStatistics statistics() const;

  private:
    Port() = default;
    Result<void> probe(const std::string& device);
    Result<void> configure(const PortConfig& config, rte_mempool* pool);
    Result<void> start();
    void close();

    bool probed_ = false;
    bool started_ = false;
    std::uint16_t id_ = 0;
    std::uint16_t rx_queues_ = 0;
    std::uint16_t tx_queues_ = 0;
    std::uint16_t mtu_ = kMaxMtu;
    unsigned ifindex_ = 0;
    MacAddress mac_;
    std::string interface_;
    std::string note_;
};

}  // namespace usher
