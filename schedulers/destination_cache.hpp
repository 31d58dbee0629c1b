// SPDX-License-Identifier: BSD-3-Clause
// What lblc and lblcr remember: for each destination address the servers that it was given, the
// last one added first.
//
// It is bounded as IPVS's is: above 16,384 entries those idle for 6 minutes go, above half as many
// again nothing new is remembered; what was idle for `expiration` seconds is as good as forgotten.
// An entry looks for its place among eight neighbours and, when all are in use, takes that of the
// one idle for the longest. Memory (about 4.3 MiB of addresses) is reserved when the cache is built
// and becomes real page by page, as destinations are met.
//
// It outlives the schedulers of one state of the servers: each of them takes it over from the one
// before, by a shared pointer, so for a moment two use it at once. It knows a server by a number
// (ServerName) that stands for address and port for ever, so a server that was deleted is found
// again when it is added again, and its number is no other server's meanwhile. 80 bytes remain of
// every server that the service ever had.
//
// Threads: name() by the control thread; the rest by any worker at any time, without waiting. An
// entry has a version: odd while one worker changes it, which the others see by a failing
// compare-and-swap and then leave it as it is; greater by two afterwards, by which those that were
// reading see that what they read is void. So what is lost in a race is one memory of one
// destination, never more: the connection gets its server, and the next one of that destination
// finds what the other worker remembered. Two workers that meet a new destination at once may both
// remember it; the second entry is never found, and goes when it has been idle.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "nat/address.hpp"
#include "schedulers/scheduler.hpp"

namespace usher {

using ServerName = std::uint32_t;

class DestinationCache {
  public:
    static constexpr std::uint32_t kMaxEntries = 16384;

    DestinationCache();
    ~DestinationCache();
    DestinationCache(const DestinationCache&) = delete;
    DestinationCache& operator=(const DestinationCache&) = delete;

    // The numbers of these servers; small ones, counted from 0.
    std::vector<ServerName> name(std::span<const ScheduledServer> servers);
    std::size_t names() const { return names_.size(); }

    // Where a destination is remembered, and in which version.
    struct Place {
        std::uint32_t entry = 0;
        std::uint32_t version = 0;  // 0: nowhere
        explicit operator bool() const { return version != 0; }
    };

    Place find(const IpAddress& destination, std::uint32_t now,
               std::uint32_t expiration) const noexcept;

    // Calls visit(ServerName) for each, the last one added first. False: another worker changed the
    // entry meanwhile, and what was visited is void.
    template <class Visit>
    bool visit(Place place, Visit visit) const noexcept;
    std::uint32_t modified(Place place) const noexcept;  // when a server was added or removed
    void touch(Place place, std::uint32_t now) const noexcept;

    // Changes to the version that `place` names; nothing happens if it is another one by now, or if
    // there is no room. The new version, or nowhere.
    Place add(Place place, ServerName name, std::uint32_t now) noexcept;
    Place replace(Place place, ServerName name, std::uint32_t now) noexcept;  // all by this one
    Place remove(Place place, ServerName name, std::uint32_t now) noexcept;

    void insert(const IpAddress& destination, ServerName name, std::uint32_t now,
                std::uint32_t expiration) noexcept;

    std::uint32_t entries() const { return entries_.load(std::memory_order_relaxed); }

  private:
    static constexpr std::uint32_t kPlaces = 65536;
    static constexpr std::uint32_t kWindow = 8;
    static constexpr std::uint32_t kInEntry = 7;  // servers of an entry that need no chunk
    static constexpr std::uint32_t kInChunk = 15;
    static constexpr std::uint32_t kChunks = 4096;

    // The members are written only by the worker that made `version` odd, but for `used`.
    struct alignas(64) Entry {
        std::atomic<std::uint32_t> version;  // 0: never used
        mutable std::atomic<std::uint32_t> used;
        std::atomic<std::uint32_t> modified;
        std::atomic<std::uint32_t> count;  // of servers; 0: free
        std::array<std::atomic<std::uint64_t>, 2> key;
        std::array<std::atomic<std::uint32_t>, kInEntry> first;  // the oldest servers
        std::atomic<std::uint32_t> more;                         // 1 + the chunk of the newest
    };
    static_assert(sizeof(Entry) == 64);
    struct alignas(64) Chunk {
        std::atomic<std::uint32_t> older;  // 1 + the chunk with the servers before; in a free one,
                                           // the next free one
        std::array<std::atomic<std::uint32_t>, kInChunk> names;
    };
    static_assert(sizeof(Chunk) == 64);
    struct Memory {
        std::array<Entry, kPlaces> entry;
        std::array<Chunk, kChunks> chunk;
    };
    using Key = std::array<std::uint64_t, 2>;

    static Key key_of(const IpAddress& destination);
    std::uint32_t home_of(const Key& key) const;
    static bool is_idle(const Entry& entry, std::uint32_t now, std::uint32_t seconds);
    std::optional<Place> take_place(std::uint32_t home, std::uint32_t now) noexcept;
    Place lock(Place place) noexcept;
    Place unlock(Place place) noexcept;
    bool append(Entry& entry, ServerName name) noexcept;
    void clear(Entry& entry) noexcept;
    std::atomic<std::uint32_t>& name_at(Entry& entry, std::uint32_t position) noexcept;
    std::uint32_t take_chunk() noexcept;
    void free_chunk(std::uint32_t chunk) noexcept;
    void sweep(std::uint32_t now, std::uint32_t expiration) noexcept;

    // Written by the control thread.
    std::map<std::pair<IpAddress, std::uint16_t>, ServerName> names_;

    Memory* const memory_;  // all zero at first
    const std::uint64_t seed_;

    // Written by workers.
    std::atomic<std::uint32_t> entries_{0};
    std::atomic<std::uint32_t> hand_{0};          // where sweep goes on
    std::atomic<std::uint32_t> fresh_chunks_{0};  // how many were ever taken
    std::atomic<std::uint64_t> free_chunks_{0};   // a count of changes, and 1 + the first free one
};

// Loads are acquire, so that none moves behind the second look at the version; stores of the
// worker that changes the entry are release, so that none moves before the version became odd.
template <class Visit>
bool DestinationCache::visit(Place place, Visit visit) const noexcept {
    const Entry& entry = memory_->entry[place.entry];
    std::uint32_t left = entry.count.load(std::memory_order_acquire);
    std::uint32_t chunk = entry.more.load(std::memory_order_acquire);
    while (left > kInEntry && chunk != 0 && chunk <= kChunks) {
        const Chunk& names = memory_->chunk[chunk - 1];
        const std::uint32_t here = (left - kInEntry - 1) % kInChunk + 1;
        for (std::uint32_t i = here; i-- > 0;)
            visit(names.names[i].load(std::memory_order_acquire));
        left -= here;
        chunk = names.older.load(std::memory_order_acquire);
    }
    if (left > kInEntry) return false;
    while (left-- > 0)
        visit(entry.first[left].load(std::memory_order_acquire));
    return entry.version.load(std::memory_order_relaxed) == place.version;
}

}  // namespace usher
