// SPDX-License-Identifier: BSD-3-Clause
// Stage 3: the connection of each packet, found or newly made, and what the packet does to it.
// One packet after the other, as they came: a SYN here may make the entry that the next one needs.
#include "dataplane/worker.hpp"

namespace usher {

void Worker::decide(Burst& burst) {
    unsigned kept = 0;
    for (unsigned i = 0; i < burst.count; ++i) {
        const Entry entry = decide_one(burst, i);
        if (!entry) continue;  // dropped, refused or answered
        burst.entries[i] = entry;
        if (kept != i) burst.move(i, kept);
        ++kept;
    }
    burst.count = kept;
}

Entry Worker::find(const Burst& burst, unsigned i) const {
    const std::uint8_t protocol = burst.headers[i].protocol;
    const Entry guess = burst.entries[i];
    if (guess && plane_.table.is_flow(guess, burst.flows[i], protocol)) return guess;
    return plane_.table.find(burst.hashes[i], burst.flows[i], protocol);
}

Entry Worker::decide_one(Burst& burst, unsigned i) {
    Entry entry = find(burst, i);
    for (int tries = 0; tries < 3; ++tries) {
        if (!entry && tries > 0)
            entry = plane_.table.find(burst.hashes[i], burst.flows[i], burst.headers[i].protocol);
        if (!entry) entry = admit(burst, i);
        if (!entry) return Entry();
        Connection& connection = plane_.table[entry.index()];
        switch (track(connection, entry.index(), entry.direction(), burst.headers[i])) {
            case Track::pass:
                return entry;
            case Track::gone:
                entry = Entry();
                break;
            case Track::drop:
                drop(burst, i, Drop::server_gone);
                return Entry();
        }
    }
    drop(burst, i, Drop::flow_taken);
    return Entry();
}

Worker::Track Worker::track(Connection& connection, ConnectionIndex index, Direction direction,
                            const Headers& headers) {
    const std::uint32_t status = connection.status.load(std::memory_order_relaxed);
    if (!(status & kLive)) return Track::gone;
    if (connection.is_expired(now_)) {
        kill(index, TraceEvent::Kind::expired);
        return Track::gone;
    }
    const State state = state_of(status);
    if (direction == Direction::original) {
        // conn_reuse_mode = 1: a new SYN ends what was closed, and is scheduled anew.
        const bool opens = (headers.tcp_flags & (kSyn | kRst)) == kSyn;
        if (opens && (state == State::time_wait || state == State::close)) {
            kill(index, TraceEvent::Kind::replaced);
            return Track::gone;
        }
        if (!snapshot_->is_deployed(connection.server_slot)) return Track::drop;
    }
    change_state(connection, status, direction, headers.tcp_flags);
    if (connection.last_seen.load(std::memory_order_relaxed) != now_)
        connection.last_seen.store(now_, std::memory_order_relaxed);
    return Track::pass;
}

void Worker::change_state(Connection& connection, std::uint32_t status, Direction direction,
                          std::uint8_t tcp_flags) {
    std::uint32_t wanted;
    do {
        const State next = next_state(state_of(status), direction, tcp_flags);
        wanted = (status & ~kStateMask) | static_cast<std::uint32_t>(next);
        if (direction == Direction::reply) wanted |= kAnswered;
        if (wanted == status) break;
    } while (!connection.status.compare_exchange_weak(status, wanted, std::memory_order_relaxed) &&
             (status & kLive));

    const State before = state_of(status);
    const State after = state_of(wanted);
    const Ticks timeout = snapshot_->timeouts[static_cast<std::size_t>(after)];
    if (connection.timeout.load(std::memory_order_relaxed) != timeout)
        connection.timeout.store(timeout, std::memory_order_relaxed);
    if (before == after) return;

    if ((status & kLive) && is_active(after) != is_active(before)) {
        // First up, then down: a deleted server's counts are never both 0 while it is bound.
        ServerLoad& load = plane_.loads[connection.server_slot];
        (is_active(after) ? load.active : load.inactive).fetch_add(1, std::memory_order_acq_rel);
        (is_active(after) ? load.inactive : load.active).fetch_sub(1, std::memory_order_acq_rel);
    }
    // Another worker may have moved on meanwhile, and set its timeout before we set ours.
    const State now = state_of(connection.status.load(std::memory_order_relaxed));
    if (now != after)
        connection.timeout.store(snapshot_->timeouts[static_cast<std::size_t>(now)],
                                 std::memory_order_relaxed);
    if (traces(kTraceState))
        trace_.note({TraceEvent::Kind::transition, connection.protocol, 0, connection.original,
                     static_cast<std::uint32_t>(before) << 8 | static_cast<std::uint32_t>(after)});
}

bool Worker::kill(ConnectionIndex index, TraceEvent::Kind why) {
    Connection& connection = plane_.table[index];
    const std::uint32_t status = connection.status.fetch_and(~kLive, std::memory_order_acq_rel);
    if (!(status & kLive)) return false;
    plane_.table.unlink(index);
    ServerLoad& load = plane_.loads[connection.server_slot];
    std::atomic<std::int32_t>& count = is_active(state_of(status)) ? load.active : load.inactive;
    count.fetch_sub(1, std::memory_order_relaxed);
    free_list_.retire(index);
    if (traces(kTraceTable))
        trace_.note({why, connection.protocol, 0, connection.original,
                     static_cast<std::uint32_t>(state_of(status))});
    return true;
}

}  // namespace usher
