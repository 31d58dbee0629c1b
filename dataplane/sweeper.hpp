// SPDX-License-Identifier: BSD-3-Clause
// Finds connections whose time is over. There is no timer list: a connection says when it was last
// seen, and each worker walks its share of the table, a few entries a turn, once a second (slower
// when more than kPerSecond entries have ever been used). A packet that meets an expired connection
// before the sweeper does treats it as gone, so only listings and counts see the delay.
#pragma once

#include <array>

#include "dataplane/data_plane.hpp"

namespace usher {

class Sweeper {
  public:
    static constexpr std::uint32_t kPerSecond = 1U << 20;  // entries
    static constexpr unsigned kPerTurn = 64;
    static constexpr unsigned kAhead = 16;
    // A worker whose clock is a little behind may just be refreshing it: leave it that moment.
    static constexpr Ticks kMargin = 2;

    Sweeper(DataPlane& plane, unsigned id) : plane_(plane), id_(id) {}

    // Calls `look(index, status, when)` for each live connection among the next few; what is over
    // at `when` is over for every worker.
    template <class Look>
    void turn(Ticks now, Look look) {
        begin_tick(now);
        const unsigned visits = left_ < kPerTurn ? left_ : kPerTurn;
        left_ -= visits;
        visit(now - kMargin, visits, look);
    }

    // Until the next tick there is nothing to do.
    bool done() const { return left_ == 0; }

    // The whole share at once, without a margin: for a clock that a test moves.
    template <class Look>
    void all(Ticks now, Look look) {
        at_ = first();
        visit(now, share(), look);
    }

  private:
    template <class Look>
    void visit(Ticks when, unsigned visits, Look look) {
        const std::uint32_t used = plane_.pool.ever_used();
        if (first() >= used) return;
        while (visits > 0) {
            // A few at a time: what is over will be taken out of two buckets that nobody has
            // looked at for a while, so they are sent for together.
            std::array<ConnectionIndex, kAhead> live;
            unsigned count = 0;
            for (unsigned i = 0; i < kAhead && visits > 0; ++i, --visits, advance(used)) {
                const Connection& connection = plane_.table[at_];
                __builtin_prefetch(&connection + kAhead);
                if (!(connection.status.load(std::memory_order_acquire) & kLive)) continue;
                if (connection.is_expired(when)) plane_.table.prefetch_entries(at_);
                live[count++] = at_;
            }
            for (unsigned i = 0; i < count; ++i) {
                const std::uint32_t status =
                    plane_.table[live[i]].status.load(std::memory_order_acquire);
                if (status & kLive) look(live[i], status, when);
            }
        }
    }
    // The shares are chunks in turn: worker 0 has the first, and so on.
    std::uint32_t first() const { return id_ * ConnectionPool::kChunk; }
    std::uint32_t share() const {
        return plane_.pool.ever_used() / plane_.workers() + ConnectionPool::kChunk;
    }
    void advance(std::uint32_t used) {
        if (++at_ % ConnectionPool::kChunk == 0)
            at_ += (plane_.workers() - 1) * ConnectionPool::kChunk;
        if (at_ >= used) at_ = first();
    }
    void begin_tick(Ticks now) {
        if (now == tick_) return;
        tick_ = now;
        const std::uint32_t a_second = share() < kPerSecond ? share() : kPerSecond;
        left_ = a_second / kTicksPerSecond + 1;
    }

    DataPlane& plane_;
    const unsigned id_;
    Ticks tick_ = 0;
    std::uint32_t left_ = 0;
    std::uint32_t at_ = id_ * ConnectionPool::kChunk;
};

}  // namespace usher
