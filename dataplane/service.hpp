// SPDX-License-Identifier: BSD-3-Clause
// A virtual service, ready to admit connections: immutable but for its scheduler's cursor. All that
// an admission reads of it lies together: the service is one cache line, its servers follow in the
// same piece of memory.
//
// Threads: built by the control thread; choose() by any worker.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/clock.hpp"
#include "nat/flow.hpp"
#include "nat/ftp_text.hpp"
#include "schedulers/scheduler.hpp"

namespace usher {

// A real server's number: where workers count for it. Kept while it exists. The last one is for
// packets that are forwarded for nobody in particular.
using ServerSlot = std::uint32_t;
inline constexpr ServerSlot kMaxServers = 1U << 18;
inline constexpr ServerSlot kNobodysSlot = kMaxServers - 1;

// Which TCP connections have the FTP helper.
enum class FtpHelper : std::uint8_t { off, on_its_port, on };

template <Family F>
struct alignas(64) Service {
    struct Server {
        AddressOf<F> address;
        Be16 port;  // 0: the one that the client asked for
        ServerSlot slot;
    };

    static std::shared_ptr<Service> make(std::span<const Server> servers);
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    std::unique_ptr<Scheduler> scheduler;
    mutable std::atomic<std::uint64_t> cursor{0};  // where the scheduler stands
    std::uint32_t mark = 0;                        // not 0: of packets with this firewall mark
    AddressOf<F> address{};
    Be16 port;  // 0: every port
    std::uint8_t protocol = 0;
    bool one_packet = false;  // every datagram is scheduled, no connection is kept
    bool closed = false;      // deleted, but connections live: without scheduler, first packets are
                              // answered as a closed port does
    Ticks persistence = 0;    // of a template; 0: not persistent
    AddressOf<F> client_mask{};       // of a template's client
    std::uint16_t timeout_class = 0;  // not 0: Snapshot::own_timeouts[timeout_class - 1]
    FtpHelper ftp = FtpHelper::off;
    bool ftp_third_party = false;  // FtpParties

    bool has_ftp_helper(Be16 of_port) const {
        return (ftp == FtpHelper::on && !is_beside(of_port)) ||
               (ftp == FtpHelper::on_its_port && of_port.host() == kFtpControlPort);
    }

    // Is that a port that FTP's service has beside its own, for data connections (ServiceTable)?
    bool is_beside(Be16 asked_for) const {
        return port.host() == kFtpControlPort && asked_for != port;
    }

    // In the scheduler's order.
    std::span<const Server> servers() const {
        return {reinterpret_cast<const Server*>(this + 1), server_count_};
    }

    void prefetch() const {
        __builtin_prefetch(this);
        __builtin_prefetch(this + 1);
    }

    // Index in servers(), or kNoServer. Any worker; two of them never use one cursor twice.
    int choose(const Arrival& arrival, Loads loads) const {
        std::uint64_t before = cursor.load(std::memory_order_relaxed);
        for (;;) {
            const Choice choice = scheduler->choose(arrival, loads, before);
            if (choice.cursor == before ||
                cursor.compare_exchange_weak(before, choice.cursor, std::memory_order_relaxed))
                return choice.server;
        }
    }

  private:
    explicit Service(std::uint32_t server_count) : server_count_(server_count) {}
    const std::uint32_t server_count_;
};
static_assert(sizeof(Service<Family::ipv4>) == 64 && sizeof(Service<Family::ipv4>::Server) == 12);

}  // namespace usher
