// SPDX-License-Identifier: BSD-3-Clause
// The connection table: 2^N connections, found by either of their two flows, shared by all workers
// without a lock. All memory is reserved when it is made.
//
// A bucket is one cache line: seven entries and a count. An entry is 64 bits, changed by one atomic
// operation: a 32-bit tag of the flow's hash, the index of the connection, and which of its flows
// this is. A flow lives in its home bucket or, when that is full, in the first of seven others that
// has room; which they are follows from its home and tag. The home counts how many of its flows
// live in their first, second... other bucket (Elsewhere), so a miss looks only where there may be
// something to find: with the table full, in one more bucket, one time in twenty. There are 2^(N-1)
// buckets: with the table full, 4 of 7 entries are used, and about one flow in ten million finds
// all of its eight buckets full.
//
// Threads: any worker may call find, link and unlink at any time. Nothing blocks.
//  - link publishes a filled connection: the store of its entries releases, find acquires.
//  - Two workers that link the same flow at once: each puts its entry up as tentative, looks for
//    others of the same flow, and then commits. Of two tentative ones the one in the later place
//    gives way, the earlier one takes the other's entry down if it has not committed. Each does its
//    own store before its own look (both sequentially consistent), so at least one sees the other:
//    one of them ends up committed, never both. find does not see tentative entries.
//  - unlink takes the entries down. The connection's memory may be reused only after a grace
//    period (grace.hpp), because a find may just have read it.
// What may fail: link, when all buckets of a flow are full (`full`), or when a flow is already
// there (`original_taken`, `reply_taken`): then nothing is left of it in the table.
#pragma once

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "dataplane/connection.hpp"
#include "dataplane/mapped_array.hpp"

namespace usher {

// An entry of a bucket, and what find returns.
class Entry {
  public:
    constexpr Entry() = default;
    constexpr explicit Entry(std::uint64_t bits) : bits_(bits) {}
    constexpr Entry(std::uint32_t tag, ConnectionIndex index, Direction direction)
        : bits_(std::uint64_t{tag} << 32 | kUsed |
                std::uint64_t{direction == Direction::reply} << 28 | index) {}

    constexpr explicit operator bool() const { return bits_ != 0; }
    constexpr bool committed() const { return bits_ & kCommitted; }
    constexpr Entry commit() const { return Entry(bits_ | kCommitted); }
    constexpr std::uint32_t tag() const { return static_cast<std::uint32_t>(bits_ >> 32); }
    constexpr ConnectionIndex index() const { return bits_ & kIndexMask; }
    constexpr Direction direction() const {
        return bits_ & kReply ? Direction::reply : Direction::original;
    }
    constexpr std::uint64_t bits() const { return bits_; }

    // What bits an entry has among some of them.
    struct Pattern {
        std::uint64_t care;
        std::uint64_t wanted;
        constexpr bool fits(std::uint64_t bits) const { return (bits & care) == wanted; }
    };
    // A committed one with `tag`, whatever it points to; and a tentative one, too.
    static constexpr Pattern committed_with(std::uint32_t tag) {
        constexpr std::uint64_t kState = kUsed | kCommitted;
        return {kTagMask | kState, std::uint64_t{tag} << 32 | kState};
    }
    static constexpr Pattern any_with(std::uint32_t tag) {
        return {kTagMask | kUsed, std::uint64_t{tag} << 32 | kUsed};
    }
    static constexpr Pattern exactly(std::uint64_t bits) { return {~std::uint64_t{0}, bits}; }
    constexpr bool has(std::uint32_t tag) const { return committed_with(tag).fits(bits_); }

  private:
    static constexpr std::uint64_t kTagMask = 0xffffffff00000000;
    static constexpr std::uint64_t kIndexMask = (1U << 28) - 1;
    static constexpr std::uint64_t kReply = 1U << 28, kUsed = 1U << 29, kCommitted = 1U << 30;
    std::uint64_t bits_ = 0;
};

// How many flows of a home bucket live in the bucket of each later attempt: a byte for each.
class Elsewhere {
  public:
    constexpr explicit Elsewhere(std::uint64_t bits) : bits_(bits) {}
    static constexpr std::uint64_t one(std::uint32_t attempt) {
        return std::uint64_t{1} << 8 * attempt;
    }
    constexpr explicit operator bool() const { return bits_ != 0; }
    constexpr unsigned in(std::uint32_t attempt) const { return bits_ >> 8 * attempt & 0xff; }

  private:
    std::uint64_t bits_;
};

enum class LinkResult : std::uint8_t { linked, original_taken, reply_taken, full };

// How a flow is read: in its place, or put together.
template <Family F>
using FlowIn = std::conditional_t<F == Family::ipv4, const Flow4&, Flow6>;

class ConnectionTable {
  public:
    ConnectionTable(unsigned bits, const HashSeed& seed);  // 2^bits connections: 8 to 27

    // `protocol` is filed_under() here and below.
    template <Family F>
    std::uint64_t hash(const Flow<F>& flow, std::uint8_t protocol) const {
        return flow_hash(flow, protocol, seed_);
    }

    // A look-up in three steps, each a loop over a burst: prefetch the bucket; take the first entry
    // with the right tag and prefetch its connection; see whether it is the one.
    void prefetch(std::uint64_t hash) const { __builtin_prefetch(&buckets_[home(hash)]); }

    template <Family F>
    Entry candidate(std::uint64_t hash) const;
    template <Family F>
    bool is_flow(Entry entry, const Flow<F>& flow, std::uint8_t protocol) const;

    // All of it; an empty entry when there is none.
    template <Family F>
    Entry find(std::uint64_t hash, const Flow<F>& flow, std::uint8_t protocol) const;

    // Where a flow that is about to be linked goes if its home is full. The home is at hand.
    void prefetch_elsewhere(std::uint64_t hash) const {
        if (slots_with(buckets_[home(hash)], Entry::exactly(0)) == 0)
            __builtin_prefetch(&buckets_[bucket_number(hash, 1)], 1);
    }

    // Both buckets of a connection that will be linked or unlinked in a moment.
    void prefetch_entries(ConnectionIndex index) const;

    LinkResult link(ConnectionIndex index);
    // By whoever knows the hashes of its two flows.
    template <Family F>
    LinkResult link(ConnectionIndex index, std::uint64_t forth, std::uint64_t back);
    void unlink(ConnectionIndex index);  // once, by whoever cleared kLive

    // The same for what is found by its original flow only (templates).
    LinkResult link_original(ConnectionIndex index);
    void unlink_original(ConnectionIndex index);

    // The flows of a connection of this family: to be set before it is linked, constant after.
    template <Family F>
    void set_flow(ConnectionIndex index, Direction direction, const Flow<F>& flow);
    template <Family F>
    FlowIn<F> flow(ConnectionIndex index, Direction direction) const;

    Connection& operator[](ConnectionIndex index) { return connections_[index]; }
    const Connection& operator[](ConnectionIndex index) const { return connections_[index]; }
    unsigned bits() const { return bits_; }
    std::uint32_t capacity() const { return std::uint32_t{1} << bits_; }
    std::size_t bytes() const { return buckets_.bytes() + connections_.bytes() + wide_.bytes(); }

  private:
    static constexpr int kEntries = 7;
    static constexpr std::uint32_t kAttempts = 8;
    struct alignas(64) Bucket {
        std::array<std::atomic<std::uint64_t>, kEntries> entries;
        std::atomic<std::uint64_t> elsewhere;  // Elsewhere
    };
    static_assert(sizeof(Bucket) == 64);

    static std::uint32_t tag_of(std::uint64_t hash) {
        return static_cast<std::uint32_t>(hash >> 32);
    }
    std::uint32_t home(std::uint64_t hash) const {
        return static_cast<std::uint32_t>(hash) & mask_;
    }
    // The buckets of a flow in the order in which they are tried; 0 is home. An odd step, so that
    // they are all different.
    std::uint32_t bucket_number(std::uint64_t hash, std::uint32_t attempt) const {
        return (home(hash) ^ attempt * (tag_of(hash) * 0x9e3779b1U | 1U)) & mask_;
    }
    // The slots, as bits, with such an entry. Without a branch: where in a bucket an entry is
    // cannot be predicted. After a sequentially consistent operation of this thread, it sees all
    // that came before that in their common order.
    static unsigned slots_with(const Bucket& bucket, Entry::Pattern pattern);
    template <Family F>
    Entry find_in(const Bucket& bucket, std::uint32_t tag, const Flow<F>& flow,
                  std::uint8_t protocol) const;

    struct Place {
        Bucket* home;
        Bucket* bucket;
        int slot;
        std::uint32_t attempt;
    };
    enum class Claim : std::uint8_t { committed, taken, full };
    template <Family F>
    Claim insert(std::uint64_t hash, Entry entry, const Flow<F>& flow, std::uint8_t protocol);
    Place put(std::uint64_t hash, Entry entry);
    static int take_slot(Bucket& bucket, Entry entry);
    template <Family F>
    bool outranked(std::uint64_t hash, const Place& mine, Entry entry, const Flow<F>& flow,
                   std::uint8_t protocol);
    template <Family F>
    Entry find_elsewhere(Elsewhere where, std::uint64_t hash, const Flow<F>& flow,
                         std::uint8_t protocol) const;
    // The hash of one of its flows, whatever the family.
    std::uint64_t hash_of(ConnectionIndex index, Direction direction) const;
    template <Family F>
    LinkResult link_hashed(ConnectionIndex index);
    template <Family F>
    LinkResult link_original_flow(ConnectionIndex index);
    static void leave(const Place& place);
    void take_down(const Place& place, Entry expected);
    void erase(std::uint64_t hash, Entry committed);

    const unsigned bits_;
    const std::uint32_t mask_;
    const HashSeed seed_;
    MappedArray<Bucket> buckets_;
    MappedArray<Connection> connections_;
    MappedArray<WideAddresses> wide_;  // by the same index; untouched where there is no IPv6
};

// What every packet runs through.

inline unsigned ConnectionTable::slots_with(const Bucket& bucket, Entry::Pattern pattern) {
    constexpr unsigned kAll = (1U << kEntries) - 1;
#if defined(__AVX2__) && !defined(__SANITIZE_THREAD__)
    // Vector loads take each aligned 64-bit lane whole; what is found is loaded again with acquire.
    // On x86 no load goes before a sequentially consistent exchange; nor may the compiler move it.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    const auto* lanes = reinterpret_cast<const __m256i*>(&bucket);
    const __m256i care = _mm256_set1_epi64x(static_cast<long long>(pattern.care));
    const __m256i wanted = _mm256_set1_epi64x(static_cast<long long>(pattern.wanted));
    const auto equal = [&](const __m256i* at) {
        const __m256i entries = _mm256_and_si256(_mm256_load_si256(at), care);
        const __m256i same = _mm256_cmpeq_epi64(entries, wanted);
        return static_cast<unsigned>(_mm256_movemask_pd(_mm256_castsi256_pd(same)));
    };
    return (equal(lanes) | equal(lanes + 1) << 4) & kAll;
#else
    unsigned slots = 0;
    for (int slot = 0; slot < kEntries; ++slot) {
        const std::uint64_t bits = bucket.entries[slot].load(std::memory_order_seq_cst);
        slots |= static_cast<unsigned>(pattern.fits(bits)) << slot;
    }
    return slots & kAll;
#endif
}

template <Family F>
FlowIn<F> ConnectionTable::flow(ConnectionIndex index, Direction direction) const {
    const bool original = direction == Direction::original;
    const Flow4& here = original ? connections_[index].original : connections_[index].reply;
    if constexpr (F == Family::ipv4) {
        return here;
    } else {
        const WideAddresses::Pair& pair = original ? wide_[index].original : wide_[index].reply;
        return {pair.source, pair.destination, here.source_port, here.destination_port};
    }
}

template <Family F>
void ConnectionTable::set_flow(ConnectionIndex index, Direction direction, const Flow<F>& flow) {
    const bool original = direction == Direction::original;
    Flow4& here = original ? connections_[index].original : connections_[index].reply;
    if constexpr (F == Family::ipv4) {
        here = flow;
    } else {
        here.source_port = flow.source_port;
        here.destination_port = flow.destination_port;
        (original ? wide_[index].original : wide_[index].reply) = {flow.source, flow.destination};
    }
}

// The acquire pairs with the compare-and-swap that commits in insert().
template <Family F>
Entry ConnectionTable::candidate(std::uint64_t hash) const {
    const Bucket& bucket = buckets_[home(hash)];
    const unsigned slots = slots_with(bucket, Entry::committed_with(tag_of(hash)));
    if (slots == 0) return Entry();
    const Entry entry(bucket.entries[std::countr_zero(slots)].load(std::memory_order_acquire));
    if (!entry.has(tag_of(hash))) return Entry();
    // To read: most packets write nothing there, and another worker may read it, too.
    __builtin_prefetch(&connections_[entry.index()]);
    if constexpr (F == Family::ipv6) __builtin_prefetch(&wide_[entry.index()]);
    return entry;
}

template <Family F>
bool ConnectionTable::is_flow(Entry entry, const Flow<F>& wanted, std::uint8_t protocol) const {
    return flow<F>(entry.index(), entry.direction()) == wanted &&
           connections_[entry.index()].protocol == protocol;
}

template <Family F>
Entry ConnectionTable::find_in(const Bucket& bucket, std::uint32_t tag, const Flow<F>& flow,
                               std::uint8_t protocol) const {
    for (unsigned slots = slots_with(bucket, Entry::committed_with(tag)); slots != 0;
         slots &= slots - 1) {
        const int slot = std::countr_zero(slots);
        const Entry entry(bucket.entries[slot].load(std::memory_order_acquire));
        if (entry.has(tag) && is_flow(entry, flow, protocol)) return entry;
    }
    return Entry();
}

template <Family F>
Entry ConnectionTable::find(std::uint64_t hash, const Flow<F>& flow, std::uint8_t protocol) const {
    const Bucket& bucket = buckets_[home(hash)];
    if (const Entry entry = find_in(bucket, tag_of(hash), flow, protocol)) return entry;
    const Elsewhere where(bucket.elsewhere.load(std::memory_order_acquire));
    return where ? find_elsewhere(where, hash, flow, protocol) : Entry();
}

}  // namespace usher
