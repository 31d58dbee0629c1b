// SPDX-License-Identifier: BSD-3-Clause
// Which connections of the table are free. Free ones lie in chunks on a shared lock-free stack;
// each worker takes and gives whole chunks and otherwise works from a list of its own, so that the
// shared line is touched once in kChunk connections. Memory that was never used is not touched: it
// is handed out by a counter.
//
// Threads: ConnectionPool any worker; FreeList and everything in it one worker.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "dataplane/connection_table.hpp"
#include "dataplane/grace.hpp"

namespace usher {

class ConnectionPool {
  public:
    static constexpr std::uint32_t kChunk = 32;

    explicit ConnectionPool(ConnectionTable& table) : table_(table) {}

    // The first of a chunk's list, linked by Connection::next, or kNoConnection.
    ConnectionIndex take_chunk();
    void give_chunk(ConnectionIndex first);

    // Every connection is in use, or on some worker's list of free ones.
    bool is_empty() const {
        return ever_used() >= table_.capacity() &&
               static_cast<ConnectionIndex>(top_.load(std::memory_order_relaxed)) == kNoConnection;
    }
    // A worker was left without: others that have half-open connections make some free, until a
    // chunk is given.
    void want() {
        if (!is_wanted()) wanted_.store(true, std::memory_order_relaxed);
    }
    bool is_wanted() const { return wanted_.load(std::memory_order_relaxed); }

    // Connections with an index from here on have never been used.
    std::uint32_t ever_used() const { return fresh_.load(std::memory_order_relaxed); }

  private:
    ConnectionIndex fresh_chunk();

    ConnectionTable& table_;
    std::atomic<bool> wanted_{false};  // seldom written, and read in every turn
    // On a line of their own: whoever only looks a connection up does not wait for them.
    alignas(64) std::atomic<std::uint32_t> fresh_{0};
    // Index of the top chunk's first connection, and a count against ABA in the upper half. The
    // next chunk's index is kept in `hop[0]` of that connection.
    std::atomic<std::uint64_t> top_{kNoConnection};
};

class FreeList {
  public:
    FreeList(ConnectionTable& table, ConnectionPool& pool, Grace& grace)
        : table_(table), pool_(pool), grace_(grace) {}

    ConnectionIndex allocate();                         // kNoConnection: none is left
    void retire(ConnectionIndex index);                 // unlinked: free after a grace period
    void give_back(ConnectionIndex index);              // that nobody else can have seen
    void collect();                                     // frees what has waited long enough
    std::uint32_t pending() const { return pending_; }  // retired and not yet free
    // Fewer than so many are free or will be soon, and there are no others.
    bool is_short_of(std::uint32_t wanted) const {
        return free_count_ + pending_ < wanted && pool_.is_empty();
    }

  private:
    struct Batch {
        ConnectionIndex first = kNoConnection;
        Grace::Token token = 0;
    };

    ConnectionTable& table_;
    ConnectionPool& pool_;
    Grace& grace_;
    ConnectionIndex free_ = kNoConnection;
    std::uint32_t free_count_ = 0;
    ConnectionIndex retired_ = kNoConnection;  // not yet in a batch
    Batch waiting_;
    std::uint32_t pending_ = 0;
};

}  // namespace usher
