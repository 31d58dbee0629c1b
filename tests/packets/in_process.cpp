// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packets/in_process.hpp"

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "control/commands.hpp"
#include "control/log.hpp"
#include "dataplane/eal.hpp"

namespace usher::test {

namespace {

constexpr unsigned kPackets = 4096;
constexpr HashSeed kSeed{0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9};

// One environment and one pool for the process: DPDK can be started only once.
rte_mempool* pool() {
    static rte_mempool* const the_pool = [] {
        EalConfig config;
        config.packets = kPackets;
        const auto eal = start_eal(config);
        const auto made = eal ? make_packet_pool("test", kPackets, 0, -1)
                              : Result<rte_mempool*>(tl::unexpected(eal.error()));
        if (made) return *made;
        std::fprintf(stderr, "no DPDK: %s\n", made.error().message.c_str());
        std::abort();
    }();
    return the_pool;
}

rte_ring* make_wire() {
    void* memory = std::aligned_alloc(64, (rte_ring_get_memsize(1024) + 63UL) / 64 * 64);
    auto* ring = static_cast<rte_ring*>(memory);
    rte_ring_init(ring, "wire", 1024, 0);
    return ring;
}

IpAddress ip(const std::string& text) {
    return *IpAddress::parse(text);
}

Config wiring() {
    Config config;
    config.log.level = LogLevel::error;
    for (const auto& [name, address] :
         {std::pair("ext", "198.51.100.1/24"), {"int", "10.0.0.1/24"}}) {
        InterfaceConfig interface;
        interface.name = name;
        interface.attach = AttachKind::device;
        interface.addresses = {address};
        config.interfaces.push_back(interface);
    }
    const auto neighbour = [&](const std::string& address, const char* interface) {
        MacAddress mac{{2, 0, 0, 0, 0, static_cast<std::uint8_t>(config.neighbours.size() + 1)}};
        config.neighbours.push_back({ip(address), mac, interface});
    };
    for (int i = 2; i < 10; ++i)
        neighbour("198.51.100." + std::to_string(i), "ext");
    neighbour("198.51.100.254", "ext");
    for (int i = 100; i < 200; ++i)
        neighbour("10.0.0." + std::to_string(i), "int");
    config.routes.push_back({Prefix::of(ip("0.0.0.0"), 0), ip("198.51.100.254"), "ext"});
    return config;
}

}  // namespace

InProcess::InProcess(unsigned table_bits) : wires_{make_wire(), make_wire()} {
    pool();
    const Config config = wiring();
    set_log(config.log);
    plane_ = std::make_unique<DataPlane>(table_bits, 1, kSeed);
    std::vector<PortAccess> ports(2);
    for (int i = 0; i < 2; ++i)
        ports[i].handover = wires_[i];
    worker_ = std::make_unique<Worker>(*plane_, 0, ports);
    DirectorParts parts{*plane_, {worker_.get()}, {0}, [this] { return now_; }, {},
                        {},      nullptr,         {}};
    for (const auto& interface : config.interfaces) {
        const auto last = static_cast<std::uint8_t>(0xe0 + parts.interfaces.size());
        parts.interfaces.push_back({interface.name, 0, MacAddress{{2, 0, 0, 0, 0, last}}, 1500});
    }
    director_ = std::make_unique<RunningDirector>(std::move(parts), config, "",
                                                  [config] { return Result<Config>(config); });
    static_cast<void>(director_->begin());
}

InProcess::~InProcess() {
    director_.reset();
    worker_.reset();
    for (rte_ring* wire : wires_) {
        void* packet = nullptr;
        while (rte_ring_dequeue(wire, &packet) == 0)
            rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
        std::free(wire);
    }
}

std::string InProcess::request(std::string_view line) {
    return handle_line(line, *director_);
}

std::vector<InProcess::Sent> InProcess::pass(PortIndex port, const std::vector<Frame>& frames,
                                             unsigned burst) {
    for (std::size_t first = 0; first < frames.size(); first += burst) {
        std::vector<rte_mbuf*> packets;
        for (std::size_t i = first; i < std::min(frames.size(), first + burst); ++i) {
            rte_mbuf* packet = rte_pktmbuf_alloc(pool());
            char* room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frames[i].size()));
            std::copy(frames[i].begin(), frames[i].end(), room);
            packets.push_back(packet);
        }
        worker_->process(packets, port, now_);
        worker_->upkeep(now_);
        worker_->transmit().flush();
    }
    std::vector<Sent> sent;
    for (PortIndex out = 0; out < 2; ++out) {
        void* taken = nullptr;
        while (rte_ring_dequeue(wires_[out], &taken) == 0) {
            auto* packet = static_cast<rte_mbuf*>(taken);
            const auto* data = rte_pktmbuf_mtod(packet, const std::uint8_t*);
            sent.push_back({out, Frame(data, data + packet->data_len)});
            rte_pktmbuf_free(packet);
        }
    }
    return sent;
}

void InProcess::wait(std::uint32_t s) {
    now_ += seconds(s);
    worker_->sweep_all(now_);
}

std::uint64_t InProcess::dropped(Drop reason) const {
    return worker_->counters().drops[static_cast<std::size_t>(reason)].read();
}

std::size_t InProcess::packets_in_use() const {
    return rte_mempool_in_use_count(pool());
}

}  // namespace usher::test
