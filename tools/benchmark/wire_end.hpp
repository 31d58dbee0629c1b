// SPDX-License-Identifier: BSD-3-Clause
// The far end of a wire of shared memory (DPDK's memif) whose near end a forwarder holds: makes
// packets, has a window of them under way, and counts those that come back.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/benchmark/one_arm.hpp"

struct rte_mempool;

namespace usher::bench {

// For whoever listens at `socket`; the other end is `wire_near_end(socket)`.
std::string wire_near_end(const std::string& socket);

class WireEnd {
  public:
    // All of it may throw std::runtime_error.
    WireEnd(const std::string& socket, const OneArmTraffic& traffic, unsigned queues);
    ~WireEnd();
    WireEnd(const WireEnd&) = delete;
    WireEnd& operator=(const WireEnd&) = delete;

    void await_link();
    // Each flow's packet of the client once, before run(): a server's alone would not come back.
    void open_flows();
    // Packets of all flows, both directions, in random order.
    void run(std::chrono::milliseconds time);

    // Of all runs: packets sent and not come back after a pause that empties the wire.
    std::uint64_t lost();

  private:
    using Frame = std::array<std::uint8_t, 64>;
    struct alignas(64) AlignedFrame {
        Frame bytes;
    };

    void open(const std::string& socket, unsigned queues);
    void turn(std::uint16_t queue);
    void send(std::uint16_t queue);
    void receive(std::uint16_t queue);

    std::vector<AlignedFrame> frames_;
    std::size_t at_ = 0;
    rte_mempool* pool_ = nullptr;
    std::string device_;
    std::uint16_t port_ = 0, queues_ = 1;
    std::uint64_t sent_ = 0, received_ = 0;
};

}  // namespace usher::bench
