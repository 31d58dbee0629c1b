// SPDX-License-Identifier: BSD-3-Clause
#include "tools/benchmark/wire_end.hpp"

#include <fmt/core.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <thread>

namespace usher::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint16_t kBurst = 32;
constexpr std::uint16_t kFrame = 60;
constexpr std::uint64_t kWindow = 1024;  // packets under way; a ring has twice as many places
constexpr unsigned kRingBits = 11;
constexpr unsigned kPoolPackets = 16384;
constexpr unsigned kCache = 256;
constexpr int kTurnsBetweenLooks = 64;  // at the clock
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::seconds kPause{1};  // for all to come back

void check(int result, const char* what) {
    if (result < 0) throw std::runtime_error(fmt::format("wire: {}: error {}", what, -result));
}

}  // namespace

std::string wire_near_end(const std::string& socket) {
    return fmt::format("net_memif0,role=server,socket={},socket-abstract=no,rsize={},mac={}",
                       socket, kRingBits, kDirectorMac.to_string());
}

WireEnd::WireEnd(const std::string& socket, const OneArmTraffic& traffic, unsigned queues)
    : queues_(static_cast<std::uint16_t>(queues)) {
    frames_.resize(traffic.packets());
    for (std::uint32_t n = 0; n < traffic.packets(); ++n)
        frames_[n / 2 + n % 2 * traffic.flows].bytes = one_arm_packet(traffic, n).bytes;
    open(socket, queues);
}

void WireEnd::open(const std::string& socket, unsigned queues) {
    static int number = 0;  // of the device and its pool
    device_ = fmt::format("net_memif_far{}", ++number);
    pool_ = rte_pktmbuf_pool_create(device_.c_str(), kPoolPackets, kCache, 0,
                                    RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    if (pool_ == nullptr) throw std::runtime_error("wire: no memory for packets");
    const std::string arguments =
        fmt::format("role=client,socket={},socket-abstract=no,rsize={}", socket, kRingBits);
    check(rte_eal_hotplug_add("vdev", device_.c_str(), arguments.c_str()), "memif");
    check(rte_eth_dev_get_port_by_name(device_.c_str(), &port_), "memif's port");
    const rte_eth_conf configuration{};
    check(rte_eth_dev_configure(port_, queues_, queues_, &configuration), "configure");
    for (std::uint16_t queue = 0; queue < queues; ++queue) {
        check(rte_eth_rx_queue_setup(port_, queue, 1U << kRingBits, SOCKET_ID_ANY, nullptr, pool_),
              "receive queue");
        check(rte_eth_tx_queue_setup(port_, queue, 1U << kRingBits, SOCKET_ID_ANY, nullptr),
              "transmit queue");
    }
    check(rte_eth_dev_start(port_), "start");
}

WireEnd::~WireEnd() {
    rte_eth_dev_stop(port_);
    rte_eth_dev_close(port_);
    rte_eal_hotplug_remove("vdev", device_.c_str());
    rte_mempool_free(pool_);
}

void WireEnd::await_link() {
    const auto end = Clock::now() + kPatience;
    rte_eth_link link{};
    while (rte_eth_link_get_nowait(port_, &link) != 0 || link.link_status != RTE_ETH_LINK_UP) {
        if (Clock::now() > end) throw std::runtime_error("wire: the forwarder does not connect");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

void WireEnd::open_flows() {
    const auto end = Clock::now() + kPatience;
    for (unsigned i = 0; sent_ < frames_.size() / 2; ++i) {
        turn(static_cast<std::uint16_t>(i % queues_));
        if (Clock::now() > end) throw std::runtime_error("wire: packets do not come back");
    }
    std::shuffle(frames_.begin(), frames_.end(), std::minstd_rand(1));
}

void WireEnd::run(std::chrono::milliseconds time) {
    const auto end = Clock::now() + time;
    do {
        for (int i = 0; i < kTurnsBetweenLooks; ++i)
            turn(static_cast<std::uint16_t>(i % queues_));
    } while (Clock::now() < end);
}

void WireEnd::turn(std::uint16_t queue) {
    if (sent_ - received_ + kBurst <= kWindow) send(queue);
    receive(queue);
}

void WireEnd::send(std::uint16_t queue) {
    rte_mbuf* burst[kBurst];
    if (rte_pktmbuf_alloc_bulk(pool_, burst, kBurst) != 0)
        throw std::runtime_error("wire: out of packets");
    for (rte_mbuf* packet : burst) {
        std::memcpy(rte_pktmbuf_mtod(packet, void*), frames_[at_].bytes.data(), sizeof(Frame));
        packet->data_len = kFrame;
        packet->pkt_len = kFrame;
        at_ = at_ + 1 == frames_.size() ? 0 : at_ + 1;
    }
    const std::uint16_t taken = rte_eth_tx_burst(port_, queue, burst, kBurst);
    sent_ += taken;
    rte_pktmbuf_free_bulk(burst + taken, static_cast<unsigned>(kBurst - taken));
}

void WireEnd::receive(std::uint16_t queue) {
    rte_mbuf* burst[2 * kBurst];
    const std::uint16_t count = rte_eth_rx_burst(port_, queue, burst, 2 * kBurst);
    received_ += count;
    rte_pktmbuf_free_bulk(burst, count);
}

std::uint64_t WireEnd::lost() {
    const auto end = Clock::now() + kPause;
    while (received_ != sent_ && Clock::now() < end)
        for (std::uint16_t queue = 0; queue < queues_; ++queue)
            receive(queue);
    const std::uint64_t missing = sent_ - received_;
    received_ = sent_;
    return missing;
}

}  // namespace usher::bench
