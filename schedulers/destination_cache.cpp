// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/destination_cache.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <random>

namespace usher {

namespace {

constexpr std::uint32_t kIdleWhenFull = 360;  // seconds

// Of zero pages, which cost nothing until they are written.
void* reserve(std::size_t size) {
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return memory;
}

}  // namespace

DestinationCache::DestinationCache()
    : memory_(static_cast<Memory*>(reserve(sizeof(Memory)))), seed_(std::random_device{}()) {}

DestinationCache::~DestinationCache() {
    munmap(memory_, sizeof(Memory));
}

std::vector<ServerName> DestinationCache::name(std::span<const ScheduledServer> servers) {
    std::vector<ServerName> list;
    list.reserve(servers.size());
    for (const ScheduledServer& server : servers) {
        const auto next = static_cast<ServerName>(names_.size());
        list.push_back(names_.try_emplace({server.address, server.port}, next).first->second);
    }
    return list;
}

DestinationCache::Key DestinationCache::key_of(const IpAddress& destination) {
    Key key;
    std::memcpy(key.data(), destination.bytes().data(), sizeof key);
    return key;
}

std::uint32_t DestinationCache::home_of(const Key& key) const {
    std::uint64_t mixed = (key[0] ^ seed_) * 0x9e3779b97f4a7c15U;
    mixed = (std::rotl(mixed, 32) ^ key[1]) * 0xd6e8feb86659fd93U;
    return static_cast<std::uint32_t>(mixed >> 48) % kPlaces;
}

// The clocks of two workers may differ by a little.
bool DestinationCache::is_idle(const Entry& entry, std::uint32_t now, std::uint32_t seconds) {
    const std::uint32_t idle = now - entry.used.load(std::memory_order_relaxed);
    return idle > seconds && idle < UINT32_MAX / 2;
}

DestinationCache::Place DestinationCache::find(const IpAddress& destination, std::uint32_t now,
                                               std::uint32_t expiration) const noexcept {
    const Key key = key_of(destination);
    const std::uint32_t home = home_of(key);
    for (std::uint32_t i = 0; i < kWindow; ++i) {
        const std::uint32_t at = (home + i) % kPlaces;
        const Entry& entry = memory_->entry[at];
        // acquire: pairs with the release in unlock()
        const std::uint32_t version = entry.version.load(std::memory_order_acquire);
        if (version == 0) break;
        if (version & 1 || entry.count.load(std::memory_order_acquire) == 0 ||
            entry.key[0].load(std::memory_order_acquire) != key[0] ||
            entry.key[1].load(std::memory_order_acquire) != key[1] ||
            entry.version.load(std::memory_order_relaxed) != version)
            continue;
        if (!is_idle(entry, now, expiration)) return {at, version};
    }
    return {};
}

std::uint32_t DestinationCache::modified(Place place) const noexcept {
    return memory_->entry[place.entry].modified.load(std::memory_order_acquire);
}

void DestinationCache::touch(Place place, std::uint32_t now) const noexcept {
    std::atomic<std::uint32_t>& used = memory_->entry[place.entry].used;
    if (used.load(std::memory_order_relaxed) != now) used.store(now, std::memory_order_relaxed);
}

DestinationCache::Place DestinationCache::lock(Place place) noexcept {
    std::uint32_t version = place.version;
    if (version & 1 ||
        !memory_->entry[place.entry].version.compare_exchange_strong(
            version, version + 1, std::memory_order_acquire, std::memory_order_relaxed))
        return {};
    return {place.entry, version + 1};
}

DestinationCache::Place DestinationCache::unlock(Place place) noexcept {
    // 0 is for entries that were never used: after 2^31 changes the next version is 2.
    const std::uint32_t version = place.version + 1 == 0 ? 2 : place.version + 1;
    memory_->entry[place.entry].version.store(version, std::memory_order_release);
    return {place.entry, version};
}

DestinationCache::Place DestinationCache::add(Place place, ServerName name,
                                              std::uint32_t now) noexcept {
    const Place mine = lock(place);
    if (!mine) return {};
    Entry& entry = memory_->entry[place.entry];
    if (append(entry, name)) entry.modified.store(now, std::memory_order_release);
    touch(place, now);
    return unlock(mine);
}

DestinationCache::Place DestinationCache::replace(Place place, ServerName name,
                                                  std::uint32_t now) noexcept {
    const Place mine = lock(place);
    if (!mine) return {};
    Entry& entry = memory_->entry[place.entry];
    clear(entry);
    append(entry, name);
    entry.modified.store(now, std::memory_order_release);
    touch(place, now);
    return unlock(mine);
}

DestinationCache::Place DestinationCache::remove(Place place, ServerName name,
                                                 std::uint32_t now) noexcept {
    const Place mine = lock(place);
    if (!mine) return {};
    Entry& entry = memory_->entry[place.entry];
    const std::uint32_t count = entry.count.load(std::memory_order_relaxed);
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        const ServerName other = name_at(entry, i).load(std::memory_order_relaxed);
        if (other == name && kept == i) continue;  // only one of equal ones, which nobody adds
        name_at(entry, kept++).store(other, std::memory_order_release);
    }
    if (kept < count) {
        if (count > kInEntry && (count - kInEntry) % kInChunk == 1) {
            const std::uint32_t emptied = entry.more.load(std::memory_order_relaxed);
            entry.more.store(memory_->chunk[emptied - 1].older.load(std::memory_order_relaxed),
                             std::memory_order_release);
            free_chunk(emptied);
        }
        entry.count.store(kept, std::memory_order_release);
        entry.modified.store(now, std::memory_order_release);
    }
    return unlock(mine);
}

void DestinationCache::insert(const IpAddress& destination, ServerName name, std::uint32_t now,
                              std::uint32_t expiration) noexcept {
    sweep(now, expiration);
    if (entries() > kMaxEntries + kMaxEntries / 2) return;
    const Key key = key_of(destination);
    const std::uint32_t home = home_of(key);
    const std::optional<Place> mine = take_place(home, now);
    if (!mine) return;
    Entry& entry = memory_->entry[mine->entry];
    if (entry.count.load(std::memory_order_relaxed) == 0)
        entries_.fetch_add(1, std::memory_order_relaxed);
    clear(entry);
    for (std::size_t i = 0; i < key.size(); ++i)
        entry.key[i].store(key[i], std::memory_order_release);
    append(entry, name);
    entry.modified.store(now, std::memory_order_release);
    entry.used.store(now, std::memory_order_relaxed);
    unlock(*mine);
}

// One of the window's entries, ours to write: a free one, or the one idle for the longest. None
// when another worker was faster.
std::optional<DestinationCache::Place> DestinationCache::take_place(std::uint32_t home,
                                                                    std::uint32_t now) noexcept {
    std::optional<Place> best;
    std::uint32_t longest = 0;
    for (std::uint32_t i = 0; i < kWindow; ++i) {
        const std::uint32_t at = (home + i) % kPlaces;
        const Entry& entry = memory_->entry[at];
        const std::uint32_t version = entry.version.load(std::memory_order_acquire);
        if (version & 1) continue;
        const bool is_free = entry.count.load(std::memory_order_relaxed) == 0;
        const std::uint32_t idle = now - entry.used.load(std::memory_order_relaxed);
        if (is_free || !best || idle > longest) {
            best = {at, version};
            longest = idle;
        }
        if (is_free) break;
    }
    if (!best) return {};
    const Place mine = lock(*best);
    return mine ? std::optional(mine) : std::nullopt;
}

// The entry is ours (its version is odd) in all that follow.
std::atomic<std::uint32_t>& DestinationCache::name_at(Entry& entry,
                                                      std::uint32_t position) noexcept {
    if (position < kInEntry) return entry.first[position];
    const std::uint32_t count = entry.count.load(std::memory_order_relaxed);
    std::uint32_t chunk = entry.more.load(std::memory_order_relaxed);
    for (std::uint32_t newest = (count - kInEntry - 1) / kInChunk,
                       wanted = (position - kInEntry) / kInChunk;
         newest > wanted; --newest)
        chunk = memory_->chunk[chunk - 1].older.load(std::memory_order_relaxed);
    return memory_->chunk[chunk - 1].names[(position - kInEntry) % kInChunk];
}

bool DestinationCache::append(Entry& entry, ServerName name) noexcept {
    const std::uint32_t count = entry.count.load(std::memory_order_relaxed);
    if (count >= kInEntry && (count - kInEntry) % kInChunk == 0) {
        const std::uint32_t chunk = take_chunk();
        if (chunk == 0) return false;
        memory_->chunk[chunk - 1].older.store(entry.more.load(std::memory_order_relaxed),
                                              std::memory_order_release);
        entry.more.store(chunk, std::memory_order_release);
    }
    entry.count.store(count + 1, std::memory_order_release);
    name_at(entry, count).store(name, std::memory_order_release);
    return true;
}

void DestinationCache::clear(Entry& entry) noexcept {
    std::uint32_t chunk = entry.more.load(std::memory_order_relaxed);
    entry.more.store(0, std::memory_order_release);
    entry.count.store(0, std::memory_order_release);
    while (chunk != 0) {
        const std::uint32_t older = memory_->chunk[chunk - 1].older.load(std::memory_order_relaxed);
        free_chunk(chunk);
        chunk = older;
    }
}

std::uint32_t DestinationCache::take_chunk() noexcept {
    std::uint64_t head = free_chunks_.load(std::memory_order_acquire);
    while (const auto chunk = static_cast<std::uint32_t>(head)) {
        const std::uint64_t next = memory_->chunk[chunk - 1].older.load(std::memory_order_relaxed);
        // The count of changes sees to it that `next` still comes after `chunk`.
        const std::uint64_t wanted = ((head >> 32) + 1) << 32 | next;
        if (free_chunks_.compare_exchange_weak(head, wanted, std::memory_order_acq_rel,
                                               std::memory_order_acquire))
            return chunk;
    }
    if (fresh_chunks_.load(std::memory_order_relaxed) >= kChunks) return 0;
    const std::uint32_t fresh = fresh_chunks_.fetch_add(1, std::memory_order_relaxed);
    return fresh < kChunks ? fresh + 1 : 0;
}

void DestinationCache::free_chunk(std::uint32_t chunk) noexcept {
    std::uint64_t head = free_chunks_.load(std::memory_order_relaxed);
    std::uint64_t wanted;
    do {
        memory_->chunk[chunk - 1].older.store(static_cast<std::uint32_t>(head),
                                              std::memory_order_release);
        wanted = ((head >> 32) + 1) << 32 | chunk;
    } while (!free_chunks_.compare_exchange_weak(head, wanted, std::memory_order_acq_rel,
                                                 std::memory_order_relaxed));
}

// A few entries each time that one is added, so that a tour of all takes fewer additions than there
// is room for. With few entries it is not worth the pages that it would touch: `find` sees for
// itself what has expired.
void DestinationCache::sweep(std::uint32_t now, std::uint32_t expiration) noexcept {
    const bool full = entries() > kMaxEntries;
    if (entries() <= kMaxEntries / 2) return;
    const std::uint32_t seconds = full ? std::min(expiration, kIdleWhenFull) : expiration;
    const std::uint32_t steps = full ? 32 : 8;
    const std::uint32_t from = hand_.fetch_add(steps, std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < steps; ++i) {
        const std::uint32_t at = (from + i) % kPlaces;
        Entry& entry = memory_->entry[at];
        const std::uint32_t version = entry.version.load(std::memory_order_acquire);
        if (version == 0 || entry.count.load(std::memory_order_relaxed) == 0 ||
            !is_idle(entry, now, seconds))
            continue;
        const Place mine = lock({at, version});
        if (!mine) continue;
        clear(entry);
        entries_.fetch_sub(1, std::memory_order_relaxed);
        unlock(mine);
    }
}

}  // namespace usher
