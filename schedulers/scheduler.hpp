// SPDX-License-Identifier: BSD-3-Clause
// What a scheduler is: a rule that names a real server for a new connection.
//
// A Scheduler is built by the control thread for one state of one service's servers; any worker may
// ask it at any time, and none waits for another, allocates memory or makes a system call. What it
// must remember from one decision to the next is one number, the cursor: it goes in and comes out,
// and whoever keeps it sees to it that two workers do not use one twice. When the servers change, a
// new Scheduler is built and `carry` says where it goes on. So a rule is a pure function, and a
// test needs nothing but numbers.
//
// Two go further. The least-connection rules keep what they know of the loads in order, so as not
// to look at every server (least_loaded.hpp): the decision is that of a look at every server. lblc
// and lblcr remember destinations (destination_cache.hpp), which a new Scheduler of the same kind
// takes over by `inherit`. Their headers say what two workers at once may see.
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
struct alignas(32) ServerLoad {
    std::atomic<std::int32_t> active{0};
    std::atomic<std::int32_t> inactive{0};
    // Thresholds in connections, 0: none; written by the control thread.
    std::atomic<std::uint32_t> upper{0};
    std::atomic<std::uint32_t> lower{0};
    // 1 from when active + inactive reach `upper` until they fall below `lower` (or below three
    // quarters of `upper`): IPVS's OVERLOAD. Written by workers as connections come and go, and by
    // the control thread when thresholds change.
    std::atomic<std::uint32_t> overloaded{0};
    // Persistence templates: neither active nor inactive.
    std::atomic<std::int32_t> persistent{0};
    // Of another matter, here because there is room: element g of the array has the marks of the
    // slots from 64 g (one bit each), by which schedulers learn whose load fell (note_fall).
    mutable std::atomic<std::uint64_t> fallen{0};
};
static_assert(sizeof(ServerLoad) == 32);

// Any thread, after it has made a load less (a connection gone, or active to inactive) or has
// cleared `overloaded`. What makes a load greater needs no note: a scheduler looks again at the
// server that it is about to name. The order with the scheduler's side (Loads::take_fallen): the
// count is lowered before the mark is looked at, the mark is taken before the count is read, all
// sequentially consistent (on x86 the atomic subtraction is); so either the mark is seen or the
// lower count.
inline void note_fall(ServerLoad* by_slot, std::uint32_t slot) {
    std::atomic<std::uint64_t>& marks = by_slot[slot / 64].fallen;
    const std::uint64_t mark = std::uint64_t{1} << (slot % 64);
    if (!(marks.load(std::memory_order_seq_cst) & mark))
        marks.fetch_or(mark, std::memory_order_seq_cst);
}

struct ScheduledServer {
    std::uint32_t weight;  // 0: gets no new connections
    std::uint32_t slot;    // where its load is counted; keeps its value while the server exists
    IpAddress address;
    std::uint16_t port;
    std::uint32_t last_weight = 0;  // of a weight of 0: what it was before; 0: never more
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
    bool overloaded(std::uint32_t slot) const {
        return by_slot_[slot].overloaded.load(std::memory_order_relaxed) != 0;
    }
    // Which of the slots from 64 * group that are in `mask` have fallen since the last call.
    std::uint64_t take_fallen(std::uint32_t group, std::uint64_t mask) const {
        std::atomic<std::uint64_t>& marks = by_slot_[group].fallen;
        if (!(marks.load(std::memory_order_relaxed) & mask)) return 0;
        return marks.fetch_and(~mask, std::memory_order_seq_cst) & mask;
    }

  private:
    // Two workers' steps may be seen in the wrong order for a moment: never below zero.
    static std::uint64_t count(std::int32_t value) {
        return value > 0 ? static_cast<std::uint64_t>(value) : 0;
    }
    const ServerLoad* by_slot_;
};

// Whether a server may get new connections at all.
inline bool is_usable(const ScheduledServer& server, Loads loads) {
    return server.weight > 0 && !loads.overloaded(server.slot);
}

// What is known of the connection to be.
struct Arrival {
    IpAddress client;
    std::uint16_t client_port = 0;
    IpAddress destination;
    std::uint32_t now =
        0;  // seconds since some moment: when a remembered destination was last used
};

// What a service says of its scheduler beside the name.
struct SchedulerOptions {
    bool fallback = false;                  // ipvsadm -b sh-fallback, mh-fallback
    bool port = false;                      // ipvsadm -b sh-port, mh-port
    std::uint32_t lblc_expiration = 86400;  // seconds, as the settings under net.ipv4.vs
    std::uint32_t lblcr_expiration = 86400;
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
    // Of a new service whose servers came one after the other, the last of the list first: where
    // so many changes would have carried it.
    virtual std::uint64_t grown_cursor() const { return first_cursor(); }

    // Takes over what the service's scheduler before this one remembers beside the cursor; `before`
    // is of the same kind, may be in use by workers still, and goes on working. Called by the
    // control thread once, before any choose; not called for a service that has just got this kind.
    virtual void inherit(const Scheduler& before) { static_cast<void>(before); }

    // Where to go on after a change of the servers; `before` is of the same kind. When only options
    // changed, the cursor stays as it is, and this is not called.
    virtual std::uint64_t carry(const Scheduler& before, std::uint64_t cursor) const {
        static_cast<void>(before);
        return cursor;
    }

    std::span<const ScheduledServer> servers() const { return servers_; }

  private:
    const Servers servers_;
};

}  // namespace usher
