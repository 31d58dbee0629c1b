// SPDX-License-Identifier: BSD-3-Clause
// Programs that forward packets of a device: usherd as it is shipped, and DPDK's testpmd. Each
// counts its packets and what its forwarding threads spent on a processor. All of it throws
// std::runtime_error.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tools/benchmark/child.hpp"

namespace usher {
class SocketDaemon;
}  // namespace usher

namespace usher::bench {

class TemporaryFolder {
  public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

struct Progress {
    std::uint64_t packets = 0;
    std::uint64_t nanoseconds = 0;  // of its threads on a processor
    std::uint64_t busy_cycles = 0;  // as it counts them itself: of turns that found packets
    std::uint64_t dropped = 0;
};

// TSC cycles between the two: all that its threads spent, or what it counts as busy.
double cycles_a_packet(const Progress& before, const Progress& after);
double busy_cycles_a_packet(const Progress& before, const Progress& after);

struct Window {
    std::chrono::milliseconds warm, timed;
};

// What one of them does in the time, while the others are held. `work` lasts as long as it is told
// to, `cost` is one of the two above. Adds to `dropped`.
template <class Forwarder, class Work, class Cost>
double measure_in(Forwarder& forwarder, const Window& times, Work work, Cost cost,
                  std::uint64_t& dropped) {
    forwarder.child().release();
    work(times.warm);
    const Progress before = forwarder.progress();
    work(times.timed);
    const Progress after = forwarder.progress();
    forwarder.child().hold();
    dropped += after.dropped - before.dropped;
    return cost(before, after);
}

class RunningUsherd {
  public:
    // `configuration` names this socket. Returns when usherd answers.
    RunningUsherd(const std::string& configuration, const std::filesystem::path& folder);
    ~RunningUsherd();
    static std::string socket_in(const std::filesystem::path& folder);
    Child& child() { return *child_; }
    Progress progress();
    std::uint64_t connections();

  private:
    std::unique_ptr<SocketDaemon> daemon_;
    std::unique_ptr<Child> child_;
};

class RunningTestpmd {
  public:
    struct Setup {
        std::string device;  // as DPDK names it, with its arguments
        std::string mode;    // "io", "macswap"
        unsigned packets = 0;
        std::vector<int> cores;      // that forward, a queue each
        bool counts_cycles = false;  // Progress::busy_cycles
    };
    explicit RunningTestpmd(const Setup& setup);
    static bool exists();
    Child& child() { return child_; }
    Progress progress();

  private:
    Child child_;
    bool counts_cycles_;
};

}  // namespace usher::bench
