// SPDX-License-Identifier: BSD-3-Clause
#include "nat/fragment_table.hpp"

#include <algorithm>
#include <bit>

namespace usher {

namespace {

constexpr int kExpireAtOnce = 16;

std::uint64_t hash_of(const FragmentKey& key, const HashSeed& seed) {
    std::uint64_t words[4];
    std::memcpy(&words[0], key.source.data(), 16);
    std::memcpy(&words[2], key.destination.data(), 16);
    const std::uint64_t tail = std::uint64_t{key.id} | std::uint64_t{key.protocol} << 32 |
                               std::uint64_t{static_cast<std::uint8_t>(key.family)} << 40;
    const std::uint64_t a = fold_multiply(words[0] ^ seed.first, words[1] ^ seed.second);
    const std::uint64_t b = fold_multiply(words[2] ^ seed.second, words[3] ^ seed.third);
    return fold_multiply(a ^ tail ^ seed.third, b ^ seed.first);
}

Drop fault_of(FragmentPieces::Fit fit) {
    return fit == FragmentPieces::Fit::too_many ? Drop::fragments_full : Drop::bad_fragment;
}

}  // namespace

// Twice as many places as may be held: what is on its way back needs its place, too, until it is
// fetched.
FragmentTable::FragmentTable(const Limits& limits, const HashSeed& seed)
    : limits_(limits),
      seed_(seed),
      datagrams_(std::max(limits.datagrams, 1U)),
      buckets_(std::bit_ceil(datagrams_.size()), kNone),
      places_(std::size_t{2} * limits.held) {
    for (std::uint32_t i = 0; i < datagrams_.size(); ++i)
        datagrams_[i].next = i + 1 < datagrams_.size() ? i + 1 : kNone;
    for (std::uint32_t i = 0; i < places_.size(); ++i)
        places_[i].next = i + 1 < places_.size() ? i + 1 : kNone;
    free_datagram_ = 0;
    if (!places_.empty()) free_place_ = 0;
}

FragmentTable::Answer FragmentTable::accept(const Fragment& fragment, void* packet,
                                            std::uint32_t now) {
    now_ = now;
    std::uint32_t index = find(fragment.key, now);
    if (index != kNone && starts_anew(datagrams_[index], fragment)) {
        forget(index, Drop::fragment_timeout);
        index = kNone;
    }
    if (index == kNone) index = create(fragment.key, now);
    Datagram& datagram = datagrams_[index];
    if (datagram.stage == Stage::poisoned) return {Verdict::drop, datagram.fate, {}, 0};
    if (!fragment.is_sound) return poison(index, Drop::bad_fragment, now);

    const auto fit = datagram.pieces.add(fragment.begin, fragment.end, fragment.more);
    if (fit == FragmentPieces::Fit::duplicate)
        return {Verdict::drop, Drop::duplicate_fragment, {}, 0};
    if (fit != FragmentPieces::Fit::fits) return poison(index, fault_of(fit), now);

    if (fragment.is_first()) {
        leave_waiting(index, Stage::begun, now);
        return {Verdict::decide, Drop::none, {index, datagram.life}, 0, datagram.pieces.total()};
    }
    if (datagram.stage != Stage::open) return hold(index, packet, now);
    const Answer answer{Verdict::follow, Drop::none, {}, datagram.value, datagram.pieces.total()};
    if (!fragment.more) move_held(datagram, released_);  // its beginning, if that was kept
    if (datagram.pieces.is_complete()) finish(index);
    return answer;
}

// Is it of another datagram with the same id? After one that is done everything but duplicates of
// its later fragments is; and a beginning that comes long after the beginning.
bool FragmentTable::starts_anew(const Datagram& datagram, const Fragment& fragment) const {
    if (datagram.stage == Stage::done)
        return !fragment.is_sound || fragment.is_first() ||
               !datagram.pieces.has(fragment.begin, fragment.end, fragment.more);
    return datagram.stage == Stage::open && fragment.is_first() &&
           now_ - datagram.since > limits_.late;
}

void FragmentTable::resolve(Handle handle, std::uint64_t value) {
    Datagram* datagram = begun(handle);
    if (datagram == nullptr) return;
    datagram->value = value;
    datagram->stage = Stage::open;
    move_held(*datagram, released_);
    if (datagram->pieces.is_complete()) finish(handle.index);
}

bool FragmentTable::keep(Handle handle, void* beginning) {
    if (handle.index >= datagrams_.size()) return false;
    const Datagram& datagram = datagrams_[handle.index];
    if (datagram.life != handle.life || datagram.stage != Stage::open) return false;
    if (datagram.pieces.total() != 0) return false;
    return hold(handle.index, beginning, now_).verdict == Verdict::hold;
}

void FragmentTable::reject(Handle handle, Drop reason) {
    Datagram* datagram = begun(handle);
    if (datagram == nullptr) return;
    datagram->stage = Stage::poisoned;
    datagram->fate = reason;
    discard_held(*datagram, reason);
    if (datagram->pieces.is_complete()) forget(handle.index, reason);
}

void FragmentTable::expire(std::uint32_t now) {
    for (int i = 0; i < kExpireAtOnce && done_.oldest != kNone; ++i) {
        if (!is_expired(done_.oldest, now)) break;
        forget(done_.oldest, Drop::none);
    }
    for (int i = 0; i < kExpireAtOnce; ++i) {
        const std::uint32_t index = oldest(now);
        if (index == kNone || !is_expired(index, now)) return;
        forget(index, Drop::fragment_timeout);
    }
}

FragmentTable::Datagram* FragmentTable::begun(Handle handle) {
    if (handle.index >= datagrams_.size()) return nullptr;
    Datagram& datagram = datagrams_[handle.index];
    return datagram.life == handle.life && datagram.stage == Stage::begun ? &datagram : nullptr;
}

FragmentTable::Answer FragmentTable::poison(std::uint32_t index, Drop reason, std::uint32_t now) {
    Datagram& datagram = datagrams_[index];
    discard_held(datagram, reason);
    leave_waiting(index, Stage::poisoned, now);
    datagram.fate = reason;
    return {Verdict::drop, reason, {}, 0};
}

FragmentTable::Answer FragmentTable::hold(std::uint32_t index, void* packet, std::uint32_t now) {
    Datagram& datagram = datagrams_[index];
    if (datagram.held_count >= limits_.held_each) return poison(index, Drop::fragments_full, now);
    if (held_ >= limits_.held) {
        const std::uint32_t victim = waiting_.oldest;
        if (victim == kNone || victim == index) return poison(index, Drop::fragments_full, now);
        forget(victim, Drop::fragments_full);
    }
    if (free_place_ == kNone) return poison(index, Drop::fragments_full, now);

    const std::uint32_t place = free_place_;
    free_place_ = places_[place].next;
    places_[place] = {packet, kNone, Drop::none};
    if (datagram.held.last == kNone)
        datagram.held.first = place;
    else
        places_[datagram.held.last].next = place;
    datagram.held.last = place;
    ++datagram.held_count;
    ++held_;
    return {Verdict::hold, Drop::none, {}, 0};
}

void FragmentTable::move_held(Datagram& datagram, Queue& to) {
    if (datagram.held_count == 0) return;
    if (to.last == kNone)
        to.first = datagram.held.first;
    else
        places_[to.last].next = datagram.held.first;
    to.last = datagram.held.last;
    held_ -= datagram.held_count;
    datagram.held_count = 0;
    datagram.held = {};
}

void FragmentTable::discard_held(Datagram& datagram, Drop reason) {
    for (std::uint32_t at = datagram.held.first; at != kNone; at = places_[at].next)
        places_[at].reason = reason;
    move_held(datagram, discarded_);
}

FragmentTable::Place FragmentTable::pop(Queue& queue) {
    const std::uint32_t index = queue.first;
    if (index == kNone) return {nullptr, kNone, Drop::none};
    const Place place = places_[index];
    queue.first = place.next;
    if (queue.first == kNone) queue.last = kNone;
    places_[index].next = free_place_;
    free_place_ = index;
    return place;
}

void* FragmentTable::next_released() {
    return pop(released_).packet;
}

FragmentTable::Discarded FragmentTable::next_discarded() {
    const Place place = pop(discarded_);
    return {place.packet, place.reason};
}

std::uint32_t& FragmentTable::bucket_of(const FragmentKey& key) {
    return buckets_[hash_of(key, seed_) & (buckets_.size() - 1)];
}

std::uint32_t FragmentTable::find(const FragmentKey& key, std::uint32_t now) {
    std::uint32_t at = bucket_of(key);
    while (at != kNone && !(datagrams_[at].key == key))
        at = datagrams_[at].next;
    if (at == kNone || !is_expired(at, now)) return at;
    forget(at, Drop::fragment_timeout);
    return kNone;
}

std::uint32_t FragmentTable::create(const FragmentKey& key, std::uint32_t now) {
    if (free_datagram_ == kNone)
        forget(done_.oldest != kNone ? done_.oldest : oldest(now), Drop::fragments_full);
    const std::uint32_t index = free_datagram_;
    Datagram& datagram = datagrams_[index];
    free_datagram_ = datagram.next;
    datagram.key = key;
    datagram.stage = Stage::waiting;
    datagram.pieces = {};
    std::uint32_t& bucket = bucket_of(key);
    datagram.next = bucket;
    bucket = index;
    link(index, now);
    ++in_use_;
    return index;
}

void FragmentTable::forget(std::uint32_t index, Drop reason) {
    Datagram& datagram = datagrams_[index];
    discard_held(datagram, reason);
    unlink(index);
    std::uint32_t* at = &bucket_of(datagram.key);
    while (*at != index)
        at = &datagrams_[*at].next;
    *at = datagram.next;
    if (datagram.stage != Stage::done) --in_use_;
    ++datagram.life;
    datagram.next = free_datagram_;
    free_datagram_ = index;
}

// Nothing of it is held any more.
void FragmentTable::finish(std::uint32_t index) {
    move_on(index, Stage::done, now_);
    --in_use_;
}

bool FragmentTable::is_expired(std::uint32_t index, std::uint32_t now) const {
    const Datagram& datagram = datagrams_[index];
    const std::uint32_t most = datagram.stage == Stage::done ? limits_.late : limits_.timeout;
    return now - datagram.since > most;
}

// Of those that are not done; each list is in the order of `since`.
std::uint32_t FragmentTable::oldest(std::uint32_t now) const {
    const std::uint32_t a = waiting_.oldest;
    const std::uint32_t b = begun_.oldest;
    if (a == kNone || b == kNone) return a == kNone ? b : a;
    return now - datagrams_[a].since >= now - datagrams_[b].since ? a : b;
}

FragmentTable::Ages& FragmentTable::ages_of(const Datagram& datagram) {
    if (datagram.stage == Stage::done) return done_;
    return datagram.stage == Stage::waiting ? waiting_ : begun_;
}

void FragmentTable::link(std::uint32_t index, std::uint32_t now) {
    Datagram& datagram = datagrams_[index];
    Ages& ages = ages_of(datagram);
    datagram.since = now;
    datagram.older = ages.newest;
    datagram.newer = kNone;
    (ages.newest == kNone ? ages.oldest : datagrams_[ages.newest].newer) = index;
    ages.newest = index;
}

void FragmentTable::unlink(std::uint32_t index) {
    const Datagram& datagram = datagrams_[index];
    Ages& ages = ages_of(datagram);
    (datagram.older == kNone ? ages.oldest : datagrams_[datagram.older].newer) = datagram.newer;
    (datagram.newer == kNone ? ages.newest : datagrams_[datagram.newer].older) = datagram.older;
}

// One that has left it already keeps its age.
void FragmentTable::leave_waiting(std::uint32_t index, Stage stage, std::uint32_t now) {
    if (datagrams_[index].stage == Stage::waiting)
        move_on(index, stage, now);
    else
        datagrams_[index].stage = stage;
}

// To the end of the stage's list.
void FragmentTable::move_on(std::uint32_t index, Stage stage, std::uint32_t now) {
    unlink(index);
    datagrams_[index].stage = stage;
    link(index, now);
}

}  // namespace usher
