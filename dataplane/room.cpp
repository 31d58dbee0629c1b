// SPDX-License-Identifier: BSD-3-Clause
// Where a new connection's memory comes from, and who gives way when there is none: half-open ones,
// the oldest first, this worker's own before another's. Established ones never do.
#include "dataplane/worker.hpp"

namespace usher {

namespace {
constexpr std::uint32_t kEvictions = 64;  // that may be waiting, when the table is full
constexpr int kEvictionsAhead = 2;        // for one arrival
}  // namespace

// A half-open connection, and its template or mapping if that never had a connection that stood:
// else a flood at a persistent service, or a scan from the inside, would fill the table with what
// gives way to nobody.
void Worker::evict(ConnectionIndex index) {
    const Connection& connection = plane_.table[index];
    const std::uint32_t status = connection.status.load(std::memory_order_acquire);
    const ConnectionIndex control = status & kControlled ? connection.next : kNoConnection;
    const bool gone = kill_if(index, TraceEvent::Kind::evicted,
                              [](std::uint32_t last) { return is_half_open(last); });
    if (!gone) return;
    counters_.evicted.add(1);
    if (control != kNoConnection) end_idle_template(control, kAssured, TraceEvent::Kind::evicted);
}

ConnectionIndex Worker::allocate() {
    // Nearly full: the oldest half-open ones give way to arrivals to come, as memory is free only
    // after a grace period.
    for (int n = 0; n < kEvictionsAhead && free_list_.is_short_of(room_ahead_); ++n) {
        const ConnectionIndex oldest = half_open_.pop();
        if (oldest == kNoConnection) break;
        evict(oldest);
    }
    ConnectionIndex index = free_list_.allocate();
    if (index != kNoConnection) return index;
    // Full. What is retired may be free by now; else some more give way.
    free_list_.collect();
    index = free_list_.allocate();
    while (index == kNoConnection && free_list_.pending() < kEvictions) {
        const ConnectionIndex oldest = half_open_.pop();
        if (oldest == kNoConnection) break;
        evict(oldest);
    }
    if (index == kNoConnection && half_open_.empty()) plane_.pool.want();
    return index;
}

// Another worker has nothing left to evict: some of our half-open ones go for its arrivals. What
// that frees goes to the pool, as all that is beyond a chunk or two (FreeList::give_back).
void Worker::make_room_for_others() {
    for (std::uint32_t n = 0;
         n < ConnectionPool::kChunk && free_list_.pending() < 3 * ConnectionPool::kChunk; ++n) {
        const ConnectionIndex oldest = half_open_.pop();
        if (oldest == kNoConnection) return;
        evict(oldest);
    }
}

}  // namespace usher
