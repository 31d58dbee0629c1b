// SPDX-License-Identifier: BSD-3-Clause
// What a scheduler is: a rule that names a real server for a new connection.
//
// A Scheduler is built by the control thread for one state of one service's servers and never
// changes; any worker may ask it at any time. What it must remember from one decision to the next
// is one number, the cursor: it goes in and comes out, and whoever keeps it sees to it that two
// workers do not use one twice. When the servers change, a new Scheduler is built and `carry` says
// where it goes on. So a rule is a pure function, and a test needs nothing but numbers.
//
// The servers stand in IPVS's order, newest first: every "first", "next" and tie means that order.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "nat/address.hpp"

namespace usher {

// The connections of one real server, counted as IPVS counts them. Written by workers as
// connections come, change state and go; a reader may see a value a moment old.
struct ServerLoad {
    std::atomic<std::int32_t> active{0};
    std::atomic<std::int32_t> inactive{0};
};

struct ScheduledServer {
    std::uint32_t weight;  // 0: gets no new connections
    std::uint32_t slot;    // where its load is counted; keeps its value while the server exists
    IpAddress address;
    std::uint16_t port;
};

// The loads of all servers, by slot.
class Loads {
  public:
    explicit Loads(const ServerLoad* by_slot) : by_slot_(by_slot) {}
    std::uint64_t active(std::uint32_t slot) const {
        return count(by_slot_[slot].active.load(std::memory_order_relaxed));
    }
    std::uint64_t inactive(std::uint32_t slot) const {
        return count(by_slot_[slot].inactive.load(std::memory_order_relaxed));
    }

  private:
    // Two workers' steps may be seen in the wrong order for a moment: never below zero.
    static std::uint64_t count(std::int32_t value) {
        return value > 0 ? static_cast<std::uint64_t>(value) : 0;
    }
    const ServerLoad* by_slot_;
};

// What is known of the connection to be.
struct Arrival {
    IpAddress client;
    std::uint16_t client_port;
    IpAddress destination;
};

inline constexpr int kNoServer = -1;

struct Choice {
    int server;            // index in the list that the scheduler was built from, or kNoServer
    std::uint64_t cursor;  // for the next decision
};

class Scheduler {
  public:
    using Servers = std::vector<ScheduledServer>;

    explicit Scheduler(Servers servers) : servers_(std::move(servers)) {}
    virtual ~Scheduler() = default;
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    virtual Choice choose(const Arrival& arrival, Loads loads,
                          std::uint64_t cursor) const noexcept = 0;

    // The cursor of a service that has just got this scheduler.
    virtual std::uint64_t first_cursor() const { return 0; }

    // Where to go on after a change of the servers; `before` is of the same kind.
    virtual std::uint64_t carry(const Scheduler& before, std::uint64_t cursor) const {
        static_cast<void>(before);
        return cursor;
    }

    std::span<const ScheduledServer> servers() const { return servers_; }

  private:
    const Servers servers_;
};

}  // namespace usher
