// SPDX-License-Identifier: BSD-3-Clause
// What the operator said, compiled for the workers. Immutable but for the schedulers' cursors.
// The control thread builds one aside and publishes it by one pointer swap; a worker takes the
// pointer once a burst and forgets it before it reports quiescent. Parts that did not change are
// shared between one snapshot and the next.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/clock.hpp"
#include "dataplane/network.hpp"
#include "nat/tcp_state.hpp"
#include "schedulers/scheduler.hpp"

namespace usher {

// A real server's or service's number: where workers count for it. Kept while it exists.
using ServerSlot = std::uint32_t;
using ServiceSlot = std::uint32_t;
inline constexpr ServerSlot kMaxServers = 1U << 18;

// Where a scheduler stands. Shared by the workers, and by the snapshots that have this scheduler.
struct alignas(64) Cursor {
    mutable std::atomic<std::uint64_t> value{0};
};

// A virtual service, ready to admit connections.
struct Service {
    struct Server {
        Be32 address;
        Be16 port;
        ServerSlot slot;
    };

    Be32 address;
    Be16 port;  // 0: every port
    std::uint8_t protocol = 0;
    ServiceSlot slot = 0;
    std::vector<Server> servers;  // in the scheduler's order
    std::unique_ptr<const Scheduler> scheduler;
    Cursor cursor;

    // Index in `servers`, or kNoServer. Any worker; two of them never use one cursor twice.
    int choose(const Arrival& arrival, Loads loads) const {
        std::uint64_t before = cursor.value.load(std::memory_order_relaxed);
        for (;;) {
            const Choice choice = scheduler->choose(arrival, loads, before);
            if (choice.cursor == before || cursor.value.compare_exchange_weak(
                                               before, choice.cursor, std::memory_order_relaxed))
                return choice.server;
        }
    }
};

// All services by (protocol, address, port): open addressing, one probe as a rule.
class ServiceTable {
  public:
    using List = std::vector<std::shared_ptr<const Service>>;

    ServiceTable() : ServiceTable(List{}) {}
    explicit ServiceTable(List services);

    // The service of exactly this port, or the one of every port of the address.
    const Service* find(std::uint8_t protocol, Be32 address, Be16 port) const {
        if (const Service* exact = probe(protocol, address, port)) return exact;
        return has_any_port_ ? probe(protocol, address, Be16()) : nullptr;
    }
    const List& services() const { return services_; }

  private:
    struct Place {
        std::uint64_t key = 0;
        const Service* service = nullptr;
    };
    static std::uint64_t key_of(std::uint8_t protocol, Be32 address, Be16 port) {
        return std::uint64_t{address.raw()} << 32 | std::uint64_t{port.raw()} << 8 | protocol;
    }
    std::size_t first_place(std::uint64_t key) const {
        return (key * 0x9e3779b97f4a7c15U) >> shift_;
    }
    const Service* probe(std::uint8_t protocol, Be32 address, Be16 port) const {
        const std::uint64_t key = key_of(protocol, address, port);
        for (std::size_t at = first_place(key); places_[at].service; at = (at + 1) & mask_)
            if (places_[at].key == key) return places_[at].service;
        return nullptr;
    }

    List services_;
    std::vector<Place> places_;
    std::size_t mask_ = 0;
    int shift_ = 0;
    bool has_any_port_ = false;
};

struct Snapshot {
    std::shared_ptr<const ServiceTable> services = std::make_shared<ServiceTable>();
    std::shared_ptr<const Network> network = std::make_shared<Network>();
    StateTimeouts timeouts{};             // ticks
    std::vector<std::uint64_t> deployed;  // a bit for each ServerSlot that is configured
    std::uint32_t debug = 0;              // TraceArea bits that are on

    bool is_deployed(ServerSlot slot) const {
        const std::size_t word = slot / 64;
        return word < deployed.size() && (deployed[word] >> (slot % 64) & 1);
    }
};

}  // namespace usher
