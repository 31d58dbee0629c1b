// SPDX-License-Identifier: BSD-3-Clause
// The least that a program can do with a replayed capture.
#pragma once

#include <memory>
#include <string>

#include "tools/benchmark/forwarders.hpp"

struct rte_mempool;

namespace usher {
class Port;
}  // namespace usher

namespace usher::bench {

inline constexpr unsigned kPcapInFlight = 8192;  // buffers beyond those that hold the capture

// In this thread: bursts that are received and sent on, their packets in the same kind of memory as
// usherd's. What is above it is usherd's own.
class IoOnPcap {
  public:
    IoOnPcap(const std::string& device, unsigned packets);  // throws std::runtime_error
    ~IoOnPcap();
    IoOnPcap(const IoOnPcap&) = delete;
    IoOnPcap& operator=(const IoOnPcap&) = delete;
    Progress run(std::uint64_t packets);

  private:
    rte_mempool* pool_ = nullptr;
    std::unique_ptr<Port> port_;
};

}  // namespace usher::bench
