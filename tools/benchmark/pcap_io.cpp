// SPDX-License-Identifier: BSD-3-Clause
#include "tools/benchmark/pcap_io.hpp"

#include <rte_ethdev.h>

#include <array>
#include <ctime>
#include <stdexcept>

#include "dataplane/eal.hpp"
#include "dataplane/port.hpp"

namespace usher::bench {

namespace {

constexpr std::uint16_t kBurst = 32;

}  // namespace

IoOnPcap::IoOnPcap(const std::string& device, unsigned packets) {
    auto pool = make_packet_pool("pcap", packets, 0, -1, PacketLayout::dense);
    if (!pool) throw std::runtime_error(pool.error().message);
    pool_ = *pool;
    PortConfig config;
    config.interface = "pcap";
    config.device = device;
    auto port = Port::open(config, pool_);
    if (!port) throw std::runtime_error(port.error().message);
    port_ = std::make_unique<Port>(std::move(*port));
}

IoOnPcap::~IoOnPcap() {
    port_.reset();
    rte_mempool_free(pool_);
}

Progress IoOnPcap::run(std::uint64_t packets) {
    const auto now = [] {
        timespec time{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
               static_cast<std::uint64_t>(time.tv_nsec);
    };
    Progress progress;
    const std::uint64_t begin = now();
    while (progress.packets < packets) {
        std::array<rte_mbuf*, kBurst> burst;
        const std::uint16_t count = rte_eth_rx_burst(port_->id(), 0, burst.data(), kBurst);
        if (count == 0) throw std::runtime_error("the capture ran dry");
        rte_eth_tx_burst(port_->id(), 0, burst.data(), count);
        progress.packets += count;
    }
    progress.nanoseconds = now() - begin;
    return progress;
}

}  // namespace usher::bench
