// SPDX-License-Identifier: BSD-3-Clause
// The connections that this worker admitted and that nobody has confirmed yet, oldest first. When
// the table is full (or there is no record for one more control connection of FTP, of which there
// is a list of their own), they give way in that order; established ones never do.
//
// A ring of (index, birth): an entry whose connection was confirmed, ended or reused since is stale
// and is skipped. A few stale ones are dropped with each new one, so the ring stays short; behind
// one that stays half-open for long (UDP that is never answered) it grows, to `most` and no more.
#pragma once

#include <bit>

#include "dataplane/connection_table.hpp"

namespace usher {

class HalfOpen {
  public:
    // For at most so many at a time.
    HalfOpen(ConnectionTable& table, unsigned worker, std::size_t most)
        : table_(table), worker_(worker), ring_(std::bit_ceil(most)) {}

    void push(ConnectionIndex index) {
        for (int i = 0; i < 2 && tail_ != head_ && is_stale(ring_[tail_ & mask()]); ++i)
            ++tail_;
        for (const std::uint64_t ahead : {tail_ + kAhead, tail_ + kAhead + 1})
            if (ahead < head_) __builtin_prefetch(&table_[ring_[ahead & mask()].index]);
        if (head_ - tail_ == ring_.size()) ++tail_;
        ring_[head_++ & mask()] = {index, table_[index].born};
    }

    // The oldest that is still half-open, or kNoConnection; gives up after kSteps stale ones, for
    // this time.
    ConnectionIndex pop() {
        for (int step = 0; step < kSteps && tail_ != head_; ++step) {
            if (tail_ + kAhead < head_)
                __builtin_prefetch(&table_[ring_[(tail_ + kAhead) & mask()].index]);
            const Item item = ring_[tail_++ & mask()];
            if (!is_stale(item)) return item.index;
        }
        return kNoConnection;
    }

    bool empty() const { return tail_ == head_; }

  private:
    static constexpr int kSteps = 256;
    static constexpr std::uint64_t kAhead = 16;
    struct Item {
        ConnectionIndex index;
        Ticks born;
    };
    std::size_t mask() const { return ring_.size() - 1; }
    bool is_stale(const Item& item) const {
        const Connection& c = table_[item.index];
        return !is_half_open(c) || c.born != item.born || c.worker != worker_;
    }

    ConnectionTable& table_;
    const unsigned worker_;
    MappedArray<Item> ring_;
    std::uint64_t head_ = 0;
    std::uint64_t tail_ = 0;
};

}  // namespace usher
