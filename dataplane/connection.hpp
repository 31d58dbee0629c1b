// SPDX-License-Identifier: BSD-3-Clause
// A connection: what a flow was promised. One cache line, all values, no pointer: it outlives every
// snapshot, and an index names it.
//
// It is two flows. `original` is what the opener sends, `reply` is what the answers look like when
// they arrive. A packet of one flow leaves as the reverse of the other:
//
//   client 198.51.100.7:4001 > 203.0.113.10:80        is original
//   server 10.0.0.100:8080   > 198.51.100.7:4001      is reply
//   so the client's packet leaves as 198.51.100.7:4001 > 10.0.0.100:8080 (reply reversed)
//
// Who writes what: the admitting worker fills everything before the table publishes the entry;
// after that only the atomics change. The memory is reused no sooner than every worker has been
// quiescent (grace.hpp), so whoever found an entry may read it to the end of its burst.
//
// An IPv6 connection's addresses do not fit there. They lie in the line's companion of the same
// index (WideAddresses, kept by the table); of the flows here only the ports are its own. kIpv6 in
// `protocol` tells the two apart: no packet of one family matches a connection of the other.
//
// A template (kTemplate) is what a persistent service remembers of a client: its masked address
// and the server that its connections go to. It lies in the same table, under its original flow
// only, with kTemplateProtocol in its protocol, so that no packet matches it (persistence.cpp).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/clock.hpp"
#include "nat/rewrite.hpp"
#include "nat/tcp_state.hpp"

namespace usher {

using ConnectionIndex = std::uint32_t;
inline constexpr ConnectionIndex kNoConnection = 0xffffffff;

// Bits of `status` above the State in its low byte.
inline constexpr std::uint32_t kStateMask = 0xff;
inline constexpr std::uint32_t kLive = 1U << 8;      // in the table; without it, not to be used
inline constexpr std::uint32_t kAnswered = 1U << 9;  // UDP: a packet came back
inline constexpr std::uint32_t kTemplate = 1U << 10;
inline constexpr std::uint32_t kControlled = 1U << 11;  // `next` is its template
inline constexpr std::uint32_t kAssured = 1U << 12;     // template: a connection of it stood
inline constexpr std::uint32_t kOnePacket = 1U << 13;   // never in the table (one_packet.cpp)
// Admitted in the burst in hand and not in the table yet: nobody ends it before it is.
inline constexpr std::uint32_t kPending = 1U << 16;
inline constexpr std::uint32_t kMapping = 1U << 15;      // template: of masquerading; its
                                                         // timeout_class is an OutsideIndex
inline constexpr std::uint32_t kOwnTimeouts = 1U << 14;  // Snapshot::own_timeouts[timeout_class]
// Of the FTP helper (ftp.cpp). A control connection: its `timeout_class` is an FtpIndex.
inline constexpr std::uint32_t kFtp = 1U << 17;
inline constexpr std::uint32_t kFtpData = 1U << 18;   // `next` is its control's FtpIndex
inline constexpr std::uint32_t kExpected = 1U << 19;  // a data connection that has not come yet
// Such a one of any client port: under its original flow only, with kTemplateProtocol.
inline constexpr std::uint32_t kAnyPort = 1U << 20;
inline constexpr std::uint32_t kSctp = 1U << 21;
// What the fast path leaves to others (track_aside).
inline constexpr std::uint32_t kAside = kFtp | kSctp;

// In the protocol of a template.
inline constexpr std::uint8_t kTemplateProtocol = 0x80;
inline constexpr std::uint8_t kIpv6 = 0x40;
inline constexpr std::uint8_t kProtocolMask = 0x3f;

// What a connection is filed under: enough bits of the IP protocol to tell those apart that we
// forward, and the family.
template <Family F>
constexpr std::uint8_t filed_under(std::uint8_t protocol) {
    return static_cast<std::uint8_t>((protocol & kProtocolMask) | (F == Family::ipv6 ? kIpv6 : 0));
}
constexpr Protocol protocol_of(std::uint8_t filed) {
    const auto low = static_cast<std::uint8_t>(filed & kProtocolMask);
    constexpr auto kOfSctp = static_cast<std::uint8_t>(Protocol::sctp);
    return static_cast<Protocol>(low == (kOfSctp & kProtocolMask) ? kOfSctp : low);
}
constexpr Family family_of(std::uint8_t filed) {
    return filed & kIpv6 ? Family::ipv6 : Family::ipv4;
}

constexpr State state_of(std::uint32_t status) {
    return static_cast<State>(status & kStateMask);
}

// The timeout classes of masqueraded connections, beyond those of services and FTP's records.
inline constexpr std::uint16_t kMasqueradeTimeouts = 0xffff;
inline constexpr std::uint16_t kMasqueradedQueryTimeouts = 0xfffe;

struct alignas(64) Connection {
    // Constant while the entry is in the table.
    Flow4 original;
    Flow4 reply;
    std::uint32_t server_slot;
    RewriteDeltas deltas;   // of original packets; answers get the opposite
    std::uint8_t protocol;  // filed_under(), and kTemplateProtocol
    std::uint8_t worker;    // that admitted it
    std::uint16_t timeout_class;
    Ticks born;

    // Written by any worker. Each stands alone, so relaxed loads and stores do; `status` changes by
    // compare-and-swap, and whoever changes it settles the server's load.
    std::atomic<std::uint32_t> status;
    std::atomic<Ticks> last_seen;
    std::atomic<Ticks> timeout;
    // By Direction: CachedHop. Of a template, hop[0] counts who refers to it: the table and the
    // connections that it controls. Whoever takes the last reference away retires the memory.
    std::atomic<std::uint32_t> hop[2];

    // In the list of free or retired ones; owned by one worker then. While a controlled connection
    // lives, its template.
    ConnectionIndex next;

    // Of a packet that goes in `direction`; it leaves as the reverse of the other flow.
    RewriteDeltas deltas_for(Direction direction) const {
        return direction == Direction::original ? deltas : deltas.opposite();
    }
    bool is_expired(Ticks now) const {
        const auto idle =
            static_cast<std::int32_t>(now - last_seen.load(std::memory_order_relaxed));
        return idle > 0 && static_cast<Ticks>(idle) > timeout.load(std::memory_order_relaxed);
    }
};

static_assert(sizeof(Connection) == 64 && alignof(Connection) == 64);

// Of the flows of an IPv6 connection, in the order of their fields.
struct alignas(64) WideAddresses {
    struct Pair {
        AddressOf<Family::ipv6> source;
        AddressOf<Family::ipv6> destination;
        friend bool operator==(const Pair&, const Pair&) = default;
    };
    Pair original;
    Pair reply;
};
static_assert(sizeof(WideAddresses) == 64);

// What gives way when the table is full.
inline bool is_half_open(std::uint32_t status) {
    if ((status & (kLive | kPending)) != kLive) return false;
    return state_of(status) == State::udp ? !(status & kAnswered) : is_half_open(state_of(status));
}
inline bool is_half_open(const Connection& connection) {
    // Acquire: what is read next belongs to this life of the memory.
    return is_half_open(connection.status.load(std::memory_order_acquire));
}

}  // namespace usher
