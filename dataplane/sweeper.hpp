// SPDX-License-Identifier: BSD-3-Clause
// Finds connections whose time is over. There is no timer list: a connection says when it was last
// seen, DueTimes by when it may be over, and each worker goes through its share of the table once a
// second, a little each turn, and looks at those that are due. A packet that meets an expired
// connection before the sweeper does treats it as gone, so only listings and counts see the delay.
#pragma once

#include <array>
#include <bit>

#include "dataplane/data_plane.hpp"

namespace usher {

class Sweeper {
  public:
    // Entries that are passed a second at most: a larger share takes longer. The second is for when
    // each one has to be looked at.
    static constexpr std::uint32_t kPerSecond = 1U << 24, kLooksPerSecond = 1U << 20;
    static constexpr unsigned kLooksPerTurn = 64, kChunksPerTurn = 16;
    // A worker whose clock is a little behind may just be refreshing it: leave it that moment.
    static constexpr Ticks kMargin = 2;

    Sweeper(DataPlane& plane, unsigned id) : plane_(plane), id_(id) {}

    // Calls `look(index, status, when)` for each live connection among the next few that is due, or
    // for `each` of them; what is over at `when` is over for every worker.
    template <class Look>
    void turn(Ticks now, bool each, Look look) {
        begin_tick(now, each);
        unsigned looks = 0;
        for (unsigned chunk = 0; left_ > 0 && chunk < kChunksPerTurn && looks < kLooksPerTurn;
             ++chunk) {
            looks += go_through_chunk(now - kMargin, each || unsure_ > 0 || in_round_, look);
            unsure_ -= std::min(unsure_, kChunk);
            left_ -= std::min(left_, kChunk);
        }
    }

    // Until it has been at each place of the share once, turn() looks at every live connection.
    void begin_round() {
        in_round_ = true;
        has_turned_ = false;
        round_from_ = at_;
    }
    bool in_round() const { return in_round_; }

    // Until the next tick there is nothing to do.
    bool done() const { return left_ == 0; }

    // The whole share at once, each of it, without a margin: for a clock that a test moves.
    template <class Look>
    void all(Ticks now, Look look) {
        at_ = first();
        if (in_round_) begin_round();
        for (std::uint32_t left = share(); left > 0; left -= std::min(left, kChunk))
            go_through_chunk(now, true, look);
        in_round_ = false;
    }

  private:
    static constexpr std::uint32_t kChunk = ConnectionPool::kChunk;
    static_assert(kChunk == DueTimes::kTogether);

    // How many it looked at.
    template <class Look>
    unsigned go_through_chunk(Ticks when, bool each, Look look) {
        const std::uint32_t used = plane_.pool.ever_used();
        if (has_turned_ && at_ >= round_from_) in_round_ = false;
        if (at_ >= used) {
            at_ = first();
            has_turned_ = true;
        }
        if (at_ >= used) return 0;
        std::uint32_t due = each ? ~std::uint32_t{0} : plane_.due.among(at_, when);
        const auto looks = static_cast<unsigned>(std::popcount(due));
        // All at once: they are in no cache, nor are the two buckets that each of them leaves.
        for (std::uint32_t left = due; left != 0; left &= left - 1)
            __builtin_prefetch(&plane_.table[at_ + lowest(left)]);
        for (std::uint32_t left = due; left != 0; left &= left - 1) {
            const Connection& connection = plane_.table[at_ + lowest(left)];
            if (!(connection.status.load(std::memory_order_acquire) & kLive)) {
                plane_.due.set(at_ + lowest(left), when, DueTimes::kFarthest);
                due &= ~(left & -left);
            } else if (connection.is_expired(when)) {
                plane_.table.prefetch_entries(at_ + lowest(left));
            }
        }
        for (; due != 0; due &= due - 1)
            look_at(at_ + lowest(due), when, look);
        at_ += plane_.workers() * kChunk;
        return looks;
    }
    template <class Look>
    void look_at(ConnectionIndex index, Ticks when, Look look) {
        const Connection& connection = plane_.table[index];
        const std::uint32_t status = connection.status.load(std::memory_order_acquire);
        if (!(status & kLive)) return;
        look(index, status, when);
        if (!(connection.status.load(std::memory_order_relaxed) & kLive)) return;
        const Ticks over = connection.last_seen.load(std::memory_order_relaxed) +
                           connection.timeout.load(std::memory_order_relaxed);
        plane_.due.set(index, when, static_cast<std::int32_t>(over - when) > 0 ? over - when : 0);
    }
    static ConnectionIndex lowest(std::uint32_t bits) {
        return static_cast<ConnectionIndex>(std::countr_zero(bits));
    }
    // The shares are chunks in turn: worker 0 has the first, and so on.
    std::uint32_t first() const { return id_ * kChunk; }
    std::uint32_t share() const { return plane_.pool.ever_used() / plane_.workers() + kChunk; }
    void begin_tick(Ticks now, bool each) {
        if (now == tick_) return;
        if (now - tick_ > DueTimes::kMostBetweenLooks) unsure_ = share();
        tick_ = now;
        const bool slowly = each || unsure_ > 0 || in_round_;
        left_ = std::min(share(), slowly ? kLooksPerSecond : kPerSecond) / kTicksPerSecond + 1;
    }

    DataPlane& plane_;
    const unsigned id_;
    Ticks tick_ = 0;
    std::uint32_t left_ = 0;    // in this tick
    std::uint32_t unsure_ = 0;  // of these nobody knows when they are due
    std::uint32_t at_ = id_ * kChunk;
    std::uint32_t round_from_ = 0;
    bool in_round_ = false;
    bool has_turned_ = false;  // since the round began it was at the share's end
};

}  // namespace usher
