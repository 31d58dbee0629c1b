// SPDX-License-Identifier: BSD-3-Clause
// Stage 3: the connection of each packet, found or newly made, and what the packet does to it.
// One packet after the other, as they came: a SYN here may make the entry that the next one needs.
// Only the linking of new connections into the table waits a little, until several buckets are on
// their way to the cache (admission.cpp); a packet that may be of one of them does not go before.
#include "dataplane/thresholds.hpp"
#include "dataplane/worker.hpp"
#include "nat/sctp_state.hpp"

namespace usher {

namespace {

template <class Next>
std::uint32_t status_after(std::uint32_t status, Direction direction, Next next) {
    const std::uint32_t answered = direction == Direction::reply ? kAnswered : 0;
    return (status & ~kStateMask) | answered | static_cast<std::uint32_t>(next(state_of(status)));
}

}  // namespace

template <Family F>
void Worker::decide(Burst<F>& burst) {
    if (burst.unknown != 0) expect_first_packets(burst);
    for (unsigned i = 0; i < burst.count; ++i) {
        const Entry entry = burst.entries[i];
        if (entry &&
            plane_.table.is_flow(entry, burst.flows[i],
                                 filed_under<F>(burst.headers[i].protocol)) &&
            track(plane_.table[entry.index()], entry.index(), entry.direction(),
                  burst.headers[i]) == Track::pass) [[likely]] {
            if (burst.headers[i].tcp_flags & kSyn) [[unlikely]]
                clamp(burst, i);
            continue;
        }
        burst.entries[i] = decide_at_length(burst, i);
        if (replaced_count_ != nullptr) forget_replaced();
        if (!burst.entries[i])
            burst.gone |= 1U << i;
        else if (burst.headers[i].tcp_flags & kSyn)
            clamp(burst, i);
    }
    expected_ones_ = 0;
    if (pending_count_ != 0) link_pending(burst);
    if (burst.gone != 0) burst.close_gaps();
}

// The guess was wrong, or the packet opens a connection, or it ends one and opens another. None:
// dropped, refused or answered.
template <Family F>
Entry Worker::decide_at_length(Burst<F>& burst, unsigned i) {
    if (pending_count_ != 0 && may_be_pending(burst.hashes[i])) link_pending(burst);
    for (int tries = 0; tries < 3; ++tries) {
        const Entry entry = plane_.table.find(burst.hashes[i], burst.flows[i],
                                              filed_under<F>(burst.headers[i].protocol));
        if (!entry) return admit(burst, i);
        Track tracked =
            track(plane_.table[entry.index()], entry.index(), entry.direction(), burst.headers[i]);
        if (tracked == Track::aside) tracked = track_aside(burst, i, entry);
        switch (tracked) {
            case Track::pass:
                return entry;
            case Track::gone:
                if (tries > 0) help_out(entry.index());  // it was there again
                break;
            case Track::drop:
                drop(burst, i, Drop::server_gone);
                return Entry();
            case Track::wait:
                drop(burst, i, Drop::ftp_wait);
                return Entry();
            case Track::no_room:
                drop(burst, i, Drop::ftp_full);
                return Entry();
            case Track::damaged:
                drop(burst, i, Drop::bad_tcp_header);
                return Entry();
            case Track::aside:
                break;
        }
    }
    drop(burst, i, Drop::flow_taken);
    return Entry();
}

// Whoever ends a connection may not run just now, between its end and its way out of the table: who
// comes next does not wait for that. Twice does no harm, as its memory is not used again before we
// are quiescent.
void Worker::help_out(ConnectionIndex index) {
    if (!(plane_.table[index].status.load(std::memory_order_acquire) & kLive))
        plane_.table.unlink(index);
}

inline Worker::Track Worker::track(Connection& connection, ConnectionIndex index,
                                   Direction direction, const Headers& headers) {
    const std::uint32_t status = connection.status.load(std::memory_order_relaxed);
    if ((status & (kLive | kAside)) != kLive) [[unlikely]]
        return status & kLive ? Track::aside : Track::gone;
    const Track met = meet(connection, index, status, direction, headers);
    if (met == Track::pass) advance(connection, index, status, direction, headers.tcp_flags);
    return met;
}

// Does the packet belong to the connection as it stands?
inline Worker::Track Worker::meet(Connection& connection, ConnectionIndex index,
                                  std::uint32_t status, Direction direction,
                                  const Headers& headers) {
    // What was seen in this tick is not over.
    if (connection.last_seen.load(std::memory_order_relaxed) != now_ &&
        connection.is_expired(now_) && expire(index))
        return Track::gone;
    if (direction == Direction::original) {
        const bool opens = (headers.tcp_flags & (kSyn | kRst)) == kSyn;
        if (opens && starts_anew(connection, status)) {
            replace(index, status);
            return Track::gone;
        }
        if (!snapshot_->is_deployed(connection.server_slot)) return at_nodest(index);
    }
    return Track::pass;
}

inline void Worker::advance(Connection& connection, ConnectionIndex index, std::uint32_t status,
                            Direction direction, std::uint8_t tcp_flags) {
    advance_by(connection, index, status, direction,
               [table = snapshot_->tcp, direction, tcp_flags](State now) {
                   return next_state(*table, now, direction, tcp_flags);
               });
}

// Most packets change nothing but the time, and that once a tick.
template <class Next>
inline void Worker::advance_by(Connection& connection, ConnectionIndex index, std::uint32_t status,
                               Direction direction, Next next) {
    if (status_after(status, direction, next) != status) [[unlikely]]
        change_state(connection, index, status, direction, next);
    else if (connection.last_seen.load(std::memory_order_relaxed) != now_)
        refresh(connection, index, timeout_of(connection, status));
}

// The operator may have changed the timeouts meanwhile.
inline void Worker::refresh(Connection& connection, ConnectionIndex index, Ticks timeout) {
    connection.last_seen.store(now_, std::memory_order_relaxed);
    if (connection.timeout.load(std::memory_order_relaxed) != timeout)
        renew_timeout(connection, index, timeout);
}

// The sweeper comes within a minute at any rate.
inline void Worker::renew_timeout(Connection& connection, ConnectionIndex index, Ticks timeout) {
    connection.timeout.store(timeout, std::memory_order_relaxed);
    if (timeout < DueTimes::kFarthest) plane_.due.set(index, now_, timeout);
}

// `next` tells the state that follows one. Out of line, for what most packets do not do is not to
// cost them registers.
template <class Next>
[[gnu::noinline]] void Worker::change_state(Connection& connection, ConnectionIndex index,
                                            std::uint32_t status, Direction direction, Next next) {
    std::uint32_t wanted;
    ConnectionIndex control = kNoConnection;
    bool changed = false;
    do {
        wanted = status_after(status, direction, next);
        if (wanted == status) break;
        control = connection.next;  // good if the connection still stands at the exchange
        changed = connection.status.compare_exchange_weak(status, wanted, std::memory_order_acq_rel,
                                                          std::memory_order_relaxed);
    } while (!changed && (status & kLive));

    const State before = state_of(status);
    const State after = state_of(wanted);
    refresh(connection, index, timeout_of(connection, wanted));
    if (status == wanted) return;
    if (changed && (status & kControlled) &&
        (after == State::established || after == State::udp || after == State::sctp_established))
        assure(control);
    if (before == after) return;
    if (status & kExpected) no_longer_expected(index);

    if ((status & kLive) && is_active(after) != is_active(before)) {
        // First up, then down: a deleted server's counts are never both 0 while it is bound.
        ServerLoad& load = plane_.loads[connection.server_slot];
        (is_active(after) ? load.active : load.inactive).fetch_add(1, std::memory_order_acq_rel);
        (is_active(after) ? load.inactive : load.active).fetch_sub(1, std::memory_order_acq_rel);
        if (!is_active(after)) note_fall(plane_.loads.data(), connection.server_slot);
    }
    // Another worker may have moved on meanwhile, and set its timeout before we set ours. The
    // fence: of two that do so, the later one sees the other's state.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const std::uint32_t now = connection.status.load(std::memory_order_relaxed);
    if (state_of(now) != after) renew_timeout(connection, index, timeout_of(connection, now));
    if (traces(kTraceState))
        note(TraceEvent::Kind::transition, index,
             static_cast<std::uint32_t>(before) << 8 | static_cast<std::uint32_t>(after));
}

// A packet of an FTP control connection: its text may change, and its length and flags with it. Or
// of SCTP, which has states of its own.
template <Family F>
Worker::Track Worker::track_aside(Burst<F>& burst, unsigned i, Entry entry) {
    Connection& connection = plane_.table[entry.index()];
    const std::uint32_t status = connection.status.load(std::memory_order_acquire);
    if (!(status & kLive)) return Track::gone;
    Headers& headers = burst.headers[i];
    Headers as_tcp = headers;
    if ((status & kSctp) && sctp_chunk(burst.frame(i), headers) == kSctpInit)
        as_tcp.tcp_flags = kSyn;  // what a SYN is to TCP
    Track track = meet(connection, entry.index(), status, entry.direction(), as_tcp);
    if (track == Track::pass && (status & kFtp)) track = translate_ftp(burst, i, entry, status);
    if (track != Track::pass) return track;
    if (status & kSctp)
        advance_by(connection, entry.index(), status, entry.direction(), [&](State now) {
            return next_sctp_state(now, entry.direction(), sctp_chunk(burst.frame(i), headers));
        });
    else
        advance(connection, entry.index(), status, entry.direction(), headers.tcp_flags);
    return track;
}

// The connection of the packet's flow, if there is one that takes it.
template <Family F>
Entry Worker::join(const Burst<F>& burst, unsigned i) {
    const Headers& headers = burst.headers[i];
    const Entry entry =
        plane_.table.find(burst.hashes[i], burst.flows[i], filed_under<F>(headers.protocol));
    if (!entry) return Entry();
    const Track result =
        track(plane_.table[entry.index()], entry.index(), entry.direction(), headers);
    if (replaced_count_ != nullptr) forget_replaced();
    return result == Track::pass ? entry : Entry();
}

// A SYN for a connection that is there: is that one over? Not when another controls it: a
// template's client would go to the same server again, and FTP's data was announced once.
bool Worker::starts_anew(const Connection& connection, std::uint32_t status) const {
    const Policy& policy = snapshot_->policy;
    if (policy.expire_nodest && !snapshot_->has_weight(connection.server_slot)) return true;
    if (!policy.replace_closed || (status & (kControlled | kFtpData))) return false;
    const State state = state_of(status);
    return state == State::time_wait || state == State::close || state == State::sctp_closed;
}

// A packet of a connection whose server was deleted.
Worker::Track Worker::at_nodest(ConnectionIndex index) {
    if (!snapshot_->policy.expire_nodest) return Track::drop;
    kill(index, TraceEvent::Kind::expired);
    return Track::gone;
}

// A connection stands: its template may be trusted.
void Worker::assure(ConnectionIndex control) {
    std::atomic<std::uint32_t>& status = plane_.table[control].status;
    if (!(status.load(std::memory_order_relaxed) & kAssured))
        status.fetch_or(kAssured, std::memory_order_relaxed);
}

bool Worker::kill(ConnectionIndex index, TraceEvent::Kind why) {
    return kill_if(index, why, [](std::uint32_t) { return true; });
}

// IPVS forgets such a connection by a timer, a moment later: when it chooses a server for the SYN,
// the old one still counts.
void Worker::replace(ConnectionIndex index, std::uint32_t status) {
    if (replaced_count_ != nullptr) forget_replaced();
    ServerLoad& load = plane_.loads[plane_.table[index].server_slot];
    replaced_slot_ = plane_.table[index].server_slot;
    replaced_count_ = is_active(state_of(status)) ? &load.active : &load.inactive;
    replaced_count_->fetch_add(1, std::memory_order_seq_cst);
    kill(index, TraceEvent::Kind::replaced);
}

void Worker::forget_replaced() {
    replaced_count_->fetch_sub(1, std::memory_order_seq_cst);
    replaced_count_ = nullptr;
    look_after_unbind(plane_.loads.data(), replaced_slot_);
}

// Settles what a connection leaves: its server's counts, its template, its memory.
void Worker::bury(ConnectionIndex index, std::uint32_t last_status) {
    Connection& connection = plane_.table[index];
    ServerLoad& load = plane_.loads[connection.server_slot];
    if (last_status & kTemplate) {
        load.persistent.fetch_sub(1, std::memory_order_seq_cst);
        look_after_unbind(plane_.loads.data(), connection.server_slot);
        return release_template(index);
    }
    std::atomic<std::int32_t>& count =
        is_active(state_of(last_status)) ? load.active : load.inactive;
    count.fetch_sub(1, std::memory_order_seq_cst);
    look_after_unbind(plane_.loads.data(), connection.server_slot);
    if (last_status & kControlled) release_template(connection.next);
    if (last_status & kExpected) no_longer_expected(index);
    if (last_status & kFtpData) plane_.ftp.release(static_cast<FtpIndex>(connection.next));
    if (last_status & kFtp) plane_.ftp.release(connection.timeout_class);
    free_list_.retire(index);
}

template void Worker::decide(Burst<Family::ipv4>&);
template void Worker::decide(Burst<Family::ipv6>&);
template Entry Worker::join(const Burst<Family::ipv4>&, unsigned);
template Entry Worker::join(const Burst<Family::ipv6>&, unsigned);

}  // namespace usher
