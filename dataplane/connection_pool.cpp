// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/connection_pool.hpp"

namespace usher {

namespace {
constexpr std::uint64_t top_of(ConnectionIndex first, std::uint64_t before) {
    return ((before >> 32) + 1) << 32 | first;
}
}  // namespace

ConnectionIndex ConnectionPool::take_chunk() {
    std::uint64_t top = top_.load(std::memory_order_acquire);
    while (static_cast<ConnectionIndex>(top) != kNoConnection) {
        const auto first = static_cast<ConnectionIndex>(top);
        // Another worker may take this chunk and write there: then the swap fails, and what we
        // read is not used. Atomic, so that it is not torn.
        const ConnectionIndex below = table_[first].hop[0].load(std::memory_order_relaxed);
        if (top_.compare_exchange_weak(top, top_of(below, top), std::memory_order_acquire))
            return first;
    }
    return fresh_chunk();
}

ConnectionIndex ConnectionPool::fresh_chunk() {
    std::uint32_t first = fresh_.load(std::memory_order_relaxed);
    do {
        if (first >= table_.capacity()) return kNoConnection;
    } while (!fresh_.compare_exchange_weak(first, first + kChunk, std::memory_order_relaxed));
    for (std::uint32_t i = first; i < first + kChunk; ++i)
        table_[i].next = i + 1 < first + kChunk ? i + 1 : kNoConnection;
    return first;
}

void ConnectionPool::give_chunk(ConnectionIndex first) {
    if (is_wanted()) wanted_.store(false, std::memory_order_relaxed);
    std::uint64_t top = top_.load(std::memory_order_relaxed);
    do {
        table_[first].hop[0].store(static_cast<ConnectionIndex>(top), std::memory_order_relaxed);
    } while (!top_.compare_exchange_weak(top, top_of(first, top), std::memory_order_release,
                                         std::memory_order_relaxed));
}

ConnectionIndex FreeList::allocate() {
    if (free_ == kNoConnection) {
        free_ = pool_.take_chunk();
        if (free_ == kNoConnection) return kNoConnection;
        free_count_ = ConnectionPool::kChunk;
    }
    const ConnectionIndex index = free_;
    free_ = table_[index].next;
    if (free_ != kNoConnection) __builtin_prefetch(&table_[free_], 1);
    --free_count_;
    return index;
}

void FreeList::give_back(ConnectionIndex index) {
    table_[index].next = free_;
    free_ = index;
    if (++free_count_ < 2 * ConnectionPool::kChunk) return;
    // Half of it goes to the others.
    const ConnectionIndex first = free_;
    ConnectionIndex last = first;
    for (std::uint32_t i = 1; i < ConnectionPool::kChunk; ++i)
        last = table_[last].next;
    free_ = table_[last].next;
    table_[last].next = kNoConnection;
    free_count_ -= ConnectionPool::kChunk;
    pool_.give_chunk(first);
}

void FreeList::retire(ConnectionIndex index) {
    table_[index].next = retired_;
    retired_ = index;
    ++pending_;
}

void FreeList::collect() {
    if (waiting_.first != kNoConnection) {
        if (!grace_.passed(waiting_.token)) return;
        for (ConnectionIndex index = waiting_.first; index != kNoConnection;) {
            const ConnectionIndex next = table_[index].next;
            give_back(index);
            --pending_;
            index = next;
        }
        waiting_.first = kNoConnection;
    }
    if (retired_ == kNoConnection) return;
    waiting_ = {retired_, grace_.start()};
    retired_ = kNoConnection;
}

}  // namespace usher
