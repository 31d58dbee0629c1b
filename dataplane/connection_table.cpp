// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/connection_table.hpp"

namespace usher {

ConnectionTable::ConnectionTable(unsigned bits, const HashSeed& seed)
    : bits_(bits),
      mask_((std::uint32_t{1} << (bits - 1)) - 1),
      seed_(seed),
      buckets_(std::size_t{1} << (bits - 1)),
      connections_(std::size_t{1} << bits),
      wide_(std::size_t{1} << bits) {}

std::uint64_t ConnectionTable::hash_of(ConnectionIndex index, Direction direction) const {
    const std::uint8_t protocol = connections_[index].protocol;
    return family_of(protocol) == Family::ipv4
               ? hash(flow<Family::ipv4>(index, direction), protocol)
               : hash(flow<Family::ipv6>(index, direction), protocol);
}

void ConnectionTable::prefetch_entries(ConnectionIndex index) const {
    __builtin_prefetch(&buckets_[home(hash_of(index, Direction::original))], 1);
    __builtin_prefetch(&buckets_[home(hash_of(index, Direction::reply))], 1);
}

template <Family F>
Entry ConnectionTable::find_elsewhere(Elsewhere where, std::uint64_t hash, const Flow<F>& flow,
                                      std::uint8_t protocol) const {
    for (std::uint32_t attempt = 1; attempt < kAttempts; ++attempt) {
        if (where.in(attempt) == 0) continue;
        const Bucket& bucket = buckets_[bucket_number(hash, attempt)];
        if (const Entry entry = find_in(bucket, tag_of(hash), flow, protocol)) return entry;
    }
    return Entry();
}

template Entry ConnectionTable::find_elsewhere(Elsewhere, std::uint64_t, const Flow4&,
                                               std::uint8_t) const;
template Entry ConnectionTable::find_elsewhere(Elsewhere, std::uint64_t, const Flow6&,
                                               std::uint8_t) const;

LinkResult ConnectionTable::link(ConnectionIndex index) {
    return family_of(connections_[index].protocol) == Family::ipv4
               ? link_hashed<Family::ipv4>(index)
               : link_hashed<Family::ipv6>(index);
}

template <Family F>
LinkResult ConnectionTable::link_hashed(ConnectionIndex index) {
    return link<F>(index, hash_of(index, Direction::original), hash_of(index, Direction::reply));
}

template <Family F>
LinkResult ConnectionTable::link(ConnectionIndex index, std::uint64_t forth, std::uint64_t back) {
    const std::uint8_t protocol = connections_[index].protocol;
    const Flow<F>& forth_flow = flow<F>(index, Direction::original);
    const Flow<F>& back_flow = flow<F>(index, Direction::reply);
    const Entry original(tag_of(forth), index, Direction::original);
    const Entry reply(tag_of(back), index, Direction::reply);

    // The answers' entry first: whoever finds the original finds a complete connection.
    const Claim answers = insert(back, reply, back_flow, protocol);
    if (answers != Claim::committed)
        return answers == Claim::full ? LinkResult::full : LinkResult::reply_taken;
    const Claim opening = insert(forth, original, forth_flow, protocol);
    if (opening == Claim::committed) return LinkResult::linked;
    erase(back, reply.commit());
    return opening == Claim::full ? LinkResult::full : LinkResult::original_taken;
}

template LinkResult ConnectionTable::link<Family::ipv4>(ConnectionIndex, std::uint64_t,
                                                        std::uint64_t);
template LinkResult ConnectionTable::link<Family::ipv6>(ConnectionIndex, std::uint64_t,
                                                        std::uint64_t);

void ConnectionTable::unlink(ConnectionIndex index) {
    const std::uint64_t back = hash_of(index, Direction::reply);
    unlink_original(index);
    erase(back, Entry(tag_of(back), index, Direction::reply).commit());
}

LinkResult ConnectionTable::link_original(ConnectionIndex index) {
    return family_of(connections_[index].protocol) == Family::ipv4
               ? link_original_flow<Family::ipv4>(index)
               : link_original_flow<Family::ipv6>(index);
}

template <Family F>
LinkResult ConnectionTable::link_original_flow(ConnectionIndex index) {
    const std::uint8_t protocol = connections_[index].protocol;
    const Flow<F>& forth_flow = flow<F>(index, Direction::original);
    const std::uint64_t forth = hash(forth_flow, protocol);
    const Entry original(tag_of(forth), index, Direction::original);
    switch (insert(forth, original, forth_flow, protocol)) {
        case Claim::committed:
            return LinkResult::linked;
        case Claim::taken:
            return LinkResult::original_taken;
        case Claim::full:
            break;
    }
    return LinkResult::full;
}

void ConnectionTable::unlink_original(ConnectionIndex index) {
    const std::uint64_t forth = hash_of(index, Direction::original);
    erase(forth, Entry(tag_of(forth), index, Direction::original).commit());
}

template <Family F>
ConnectionTable::Claim ConnectionTable::insert(std::uint64_t hash, Entry entry, const Flow<F>& flow,
                                               std::uint8_t protocol) {
    const Place mine = put(hash, entry);
    if (mine.bucket == nullptr) return Claim::full;
    if (outranked(hash, mine, entry, flow, protocol)) {
        take_down(mine, entry);
        return Claim::taken;
    }
    std::uint64_t expected = entry.bits();
    // Release: whoever finds the entry sees the connection as it was filled.
    if (mine.bucket->entries[mine.slot].compare_exchange_strong(expected, entry.commit().bits(),
                                                                std::memory_order_seq_cst))
        return Claim::committed;
    // Another one of the same flow took ours down: it had the earlier place.
    leave(mine);
    return Claim::taken;
}

// The count at home of a place that is empty again.
void ConnectionTable::leave(const Place& place) {
    if (place.attempt != 0)
        place.home->elsewhere.fetch_sub(Elsewhere::one(place.attempt), std::memory_order_release);
}

// A free slot of the bucket, taken for the entry; -1: there is none.
int ConnectionTable::take_slot(Bucket& bucket, Entry entry) {
    for (unsigned free = slots_with(bucket, Entry::exactly(0)); free != 0; free &= free - 1) {
        const int slot = std::countr_zero(free);
        std::uint64_t empty = 0;
        if (bucket.entries[slot].compare_exchange_strong(empty, entry.bits(),
                                                         std::memory_order_seq_cst))
            return slot;
    }
    return -1;
}

// Puts a tentative entry up, in the first bucket that has room.
ConnectionTable::Place ConnectionTable::put(std::uint64_t hash, Entry entry) {
    Bucket* home_bucket = &buckets_[home(hash)];
    if (const int slot = take_slot(*home_bucket, entry); slot >= 0)
        return {home_bucket, home_bucket, slot, 0};
    for (std::uint32_t attempt = 1; attempt < kAttempts; ++attempt) {
        Place place{home_bucket, &buckets_[bucket_number(hash, attempt)], 0, attempt};
        // Counted before it is there, so that no find misses it.
        const Elsewhere before(
            home_bucket->elsewhere.fetch_add(Elsewhere::one(attempt), std::memory_order_seq_cst));
        // A byte that is nearly full counts nobody more; it takes 250 flows of one home.
        place.slot = before.in(attempt) < 250 ? take_slot(*place.bucket, entry) : -1;
        if (place.slot >= 0) return place;
        leave(place);
    }
    return {home_bucket, nullptr, 0, 0};
}

// Is there another entry of the same flow that goes before ours? Tentative ones in a later place
// are taken down.
template <Family F>
bool ConnectionTable::outranked(std::uint64_t hash, const Place& mine, Entry entry,
                                const Flow<F>& flow, std::uint8_t protocol) {
    Elsewhere where(0);
    for (std::uint32_t attempt = 0; attempt < kAttempts; ++attempt) {
        // Nobody who comes to live elsewhere after this look misses our entry in his own look.
        if (attempt == 1) where = Elsewhere(mine.home->elsewhere.load(std::memory_order_seq_cst));
        if (attempt >= 1 && !where) return false;
        if (attempt >= 1 && where.in(attempt) == 0) continue;
        Bucket* bucket = &buckets_[bucket_number(hash, attempt)];
        for (unsigned slots = slots_with(*bucket, Entry::any_with(entry.tag())); slots != 0;
             slots &= slots - 1) {
            const int slot = std::countr_zero(slots);
            if (attempt == mine.attempt && slot == mine.slot) continue;
            const bool earlier =
                attempt < mine.attempt || (attempt == mine.attempt && slot < mine.slot);
            std::uint64_t seen = bucket->entries[slot].load(std::memory_order_seq_cst);
            const Entry other(seen);
            if (other.tag() != entry.tag() || !other || !is_flow(other, flow, protocol)) continue;
            if (other.committed() || earlier) return true;
            if (!bucket->entries[slot].compare_exchange_strong(seen, 0,
                                                               std::memory_order_seq_cst) &&
                seen == other.commit().bits())
                return true;  // it committed first
        }
    }
    return false;
}

void ConnectionTable::take_down(const Place& place, Entry expected) {
    std::uint64_t bits = expected.bits();
    place.bucket->entries[place.slot].compare_exchange_strong(bits, 0, std::memory_order_seq_cst);
    leave(place);  // whoever took it down, the count of our home is ours
}

void ConnectionTable::erase(std::uint64_t hash, Entry committed) {
    Bucket* home_bucket = &buckets_[home(hash)];
    for (std::uint32_t attempt = 0; attempt < kAttempts; ++attempt) {
        Bucket* bucket = &buckets_[bucket_number(hash, attempt)];
        for (unsigned slots = slots_with(*bucket, Entry::exactly(committed.bits())); slots != 0;
             slots &= slots - 1) {
            const int slot = std::countr_zero(slots);
            std::uint64_t bits = committed.bits();
            if (!bucket->entries[slot].compare_exchange_strong(bits, 0, std::memory_order_release))
                continue;
            leave({home_bucket, bucket, slot, attempt});
            return;
        }
    }
}

}  // namespace usher
