// SPDX-License-Identifier: BSD-3-Clause
// Who forwards a replayed capture: usherd as it is shipped, DPDK's testpmd, and the least that a
// program can do. Each counts its packets and what its forwarding thread spent on a processor.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "tools/benchmark/pcap_capture.hpp"
#include "tools/benchmark/pcap_child.hpp"

struct rte_mempool;

namespace usher {
class SocketDaemon;
class Port;
}  // namespace usher

namespace usher::bench {

struct Progress {
    std::uint64_t packets = 0;
    std::uint64_t nanoseconds = 0;
    std::uint64_t dropped = 0;
};

// On the cores first and last of those that we may use, forwarding on the last. Constructors return
// when all flows are forwarded; they and progress() throw std::runtime_error.
class UsherdOnPcap {
  public:
    UsherdOnPcap(const PcapTraffic& traffic, const std::filesystem::path& folder);
    ~UsherdOnPcap();
    Child& child() { return *child_; }
    Progress progress();
    std::uint64_t connections();

  private:
    std::unique_ptr<SocketDaemon> daemon_;
    std::unique_ptr<Child> child_;
};

class TestpmdOnPcap {
  public:
    TestpmdOnPcap(const PcapTraffic& traffic, const std::filesystem::path& folder);
    static bool exists();
    Child& child() { return child_; }
    Progress progress();

  private:
    Child child_;
};

// In this thread: bursts that are received and sent on, their packets in the same kind of memory as
// usherd's. What is above it is usherd's own.
class IoOnPcap {
  public:
    IoOnPcap(const PcapTraffic& traffic, const std::filesystem::path& folder);
    ~IoOnPcap();
    IoOnPcap(const IoOnPcap&) = delete;
    IoOnPcap& operator=(const IoOnPcap&) = delete;
    Progress run(std::uint64_t packets);

  private:
    rte_mempool* pool_ = nullptr;
    std::unique_ptr<Port> port_;
};

inline std::filesystem::path capture_in(const std::filesystem::path& folder) {
    return folder / "flows.pcap";
}

}  // namespace usher::bench
