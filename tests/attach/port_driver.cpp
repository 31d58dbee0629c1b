// SPDX-License-Identifier: BSD-3-Clause
// For ports_test.py: opens the named interfaces as ports, steers one service (TCP and UDP
// 203.0.113.10:80), sends what arrives on one port out of the next with Ethernet addresses swapped,
// and on SIGTERM closes. Prints "ready", then what was counted. Arguments: CORE or
// CORE:PACKET-BUFFERS, then for each port INTERFACE or NAME=DEVICE, the latter a DPDK device
// string; before either, any of "generic@", "native@", "zero@", "copy@" and "queuesN@".
#include <fmt/format.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/eal.hpp"
#include "dataplane/port.hpp"
#include "dataplane/steering.hpp"

namespace {

std::atomic<bool> stopping = false;
static_assert(std::atomic<bool>::is_always_lock_free, "set by a signal handler");

template <class T>
T or_exit(usher::Result<T> result) {
    if (!result) {
        std::fputs((result.error().message + "\n").c_str(), stderr);
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

void carry(const usher::Port& from, const usher::Port& to) {
    rte_mbuf* burst[32];
    const std::uint16_t got = rte_eth_rx_burst(from.id(), 0, burst, 32);
    for (std::uint16_t i = 0; i < got; ++i) {
        auto* ethernet = rte_pktmbuf_mtod(burst[i], rte_ether_hdr*);
        std::swap(ethernet->src_addr, ethernet->dst_addr);
    }
    if (got == 0) return;  // sending nothing costs a system call as well
    const std::uint16_t sent = rte_eth_tx_burst(to.id(), 0, burst, got);
    rte_pktmbuf_free_bulk(burst + sent, static_cast<unsigned>(got - sent));
}

// Takes the words with an @ off the argument.
usher::PortConfig read_words(std::string& argument) {
    usher::PortConfig config;
    for (std::size_t at = argument.find('@'); at != std::string::npos; at = argument.find('@')) {
        const std::string word = argument.substr(0, at);
        argument.erase(0, at + 1);
        if (word == "generic") config.xdp = usher::XdpPlace::generic;
        if (word == "native") config.xdp = usher::XdpPlace::native;
        if (word == "zero") config.copying = usher::Copying::never;
        if (word == "copy") config.copying = usher::Copying::always;
        if (word.starts_with("queues"))
            config.queues = static_cast<std::uint16_t>(std::stoul(word.substr(6)));
    }
    return config;
}

void report(const usher::Port& port) {
    const auto statistics = port.statistics();
    std::printf("%s rx %lu tx %lu missed %lu queues %u/%u link %d mtu %u mac %s, %s\n",
                port.interface().c_str(), statistics.rx_packets, statistics.tx_packets,
                statistics.rx_missed, unsigned{port.rx_queues()}, unsigned{port.tx_queues()},
                static_cast<int>(port.link_up()), port.mtu(), port.mac().to_string().c_str(),
                port.attachment().c_str());
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGTERM, [](int) { stopping = true; });
    char* after_core = nullptr;
    const auto core = static_cast<unsigned>(std::strtoul(argv[1], &after_core, 10));
    const auto packets =
        *after_core == ':' ? static_cast<unsigned>(std::stoul(after_core + 1)) : 16384U;
    usher::EalConfig wanted;
    wanted.main_core = core;
    wanted.worker_cores = {core};
    wanted.packets = 16384;
    wanted.other_bytes = 1 << 20;
    const auto eal = or_exit(usher::start_eal(wanted));
    std::printf("%zu MiB, hugepages %d\n", eal.reserved_bytes >> 20, int{eal.hugepages});
    auto* pool = or_exit(usher::make_packet_pool("packets", packets, 32, -1));
    {
        std::vector<usher::Port> ports;
        std::vector<usher::Steering> steerings;
        for (int i = 2; i < argc; ++i) {
            std::string argument = argv[i];
            usher::PortConfig config = read_words(argument);
            const auto name = argument.substr(0, argument.find('='));
            const bool device = name.size() < argument.size();
            config.interface = name;
            config.device = device ? argument.substr(name.size() + 1) : "";
            config.tx_queues = 2;
            ports.push_back(or_exit(usher::Port::open(config, pool)));
            if (device) continue;
            if (!ports.back().note().empty()) std::printf("%s\n", ports.back().note().c_str());
            steerings.push_back(or_exit(usher::Steering::of_maps(ports.back().maps())));
            const auto address = *usher::IpAddress::parse("203.0.113.10");
            usher::SteeringSet steered;
            steered.services = {{usher::Protocol::tcp, address, 80},
                                {usher::Protocol::udp, address, 80}};
            steered.local_addresses = {address};
            steered.local_macs = {ports.back().mac()};
            or_exit(steerings.back().update(steered));
        }
        std::printf("ready\n");
        std::fflush(stdout);
        while (!stopping)
            for (std::size_t i = 0; i < ports.size(); ++i)
                carry(ports[i], ports[(i + 1) % ports.size()]);
        for (const auto& port : ports)
            report(port);
        for (const auto& steering : steerings) {
            for (const std::uint64_t count : or_exit(steering.counts()))
                std::printf(" %lu", count);
            std::printf("\n");
        }
    }
    usher::stop_eal();
}
