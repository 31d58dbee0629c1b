// SPDX-License-Identifier: BSD-3-Clause
// IPVS's states of connections; of TCP the transitions, as a director that sees both directions
// uses them (SCTP's: sctp_state.hpp).
// It follows the segments loosely: flags only, no sequence numbers, as ip_vs_proto_tcp does.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "nat/headers.hpp"

namespace usher {

enum class State : std::uint8_t {
    none,
    established,
    syn_sent,
    syn_recv,
    fin_wait,
    time_wait,
    close,
    close_wait,
    last_ack,
    listen,
    synack,
    udp,  // of a UDP connection, always
    // SCTP's; `none` is of all
    sctp_init1,
    sctp_init,
    sctp_cookie_sent,
    sctp_cookie_replied,
    sctp_established,
    sctp_shutdown_sent,
    sctp_shutdown_received,
    sctp_shutdown_ack_sent,
    sctp_rejected,
    sctp_closed,
    count_
};

inline constexpr std::size_t kStateCount = static_cast<std::size_t>(State::count_);
inline constexpr std::size_t kTcpStateCount = static_cast<std::size_t>(State::udp) + 1;

std::string_view state_name(State state);  // as `ipvsadm -Lc` prints it

enum class Direction : std::uint8_t { original, reply };  // as the opener sends; the way back

constexpr Direction opposite(Direction direction) {
    return direction == Direction::original ? Direction::reply : Direction::original;
}

// IPVS's tables, [direction][event][state], and the event of a segment by its flags. A UDP
// connection stays in its state whatever comes. The secure one (secure_tcp) believes the server
// only: a client's ACK establishes nothing, the server's does.
using TcpTable = std::array<std::array<std::array<State, kTcpStateCount>, 5>, 2>;
extern const TcpTable kNextState;
extern const TcpTable kSecureNextState;
extern const std::array<std::uint8_t, 32> kTcpEvent;

// The state after a segment with `flags`; RST goes before SYN, SYN before FIN, FIN before ACK, and
// a segment with none of them closes.
inline State next_state(const TcpTable& table, State now, Direction direction, std::uint8_t flags) {
    const std::uint8_t event = kTcpEvent[flags & 0x1f];
    return table[static_cast<std::size_t>(direction)][event][static_cast<std::size_t>(now)];
}
inline State next_state(State now, Direction direction, std::uint8_t flags) {
    return next_state(kNextState, now, direction, flags);
}

// Active connections are what ipvsadm shows as ActiveConn and what lc, wlc, sed, nq and ovf count.
constexpr bool is_active(State state) {
    return state == State::established || state == State::syn_sent || state == State::syn_recv ||
           state == State::synack || state == State::sctp_established;
}

// Not yet answered and confirmed: what gives way when the table is full.
constexpr bool is_half_open(State state) {
    return state == State::none || state == State::syn_sent || state == State::syn_recv ||
           state == State::synack || state == State::sctp_init1 || state == State::sctp_init;
}

// Seconds without a packet after which a connection in this state is forgotten.
using StateTimeouts = std::array<std::uint32_t, kStateCount>;
StateTimeouts state_timeouts(std::uint32_t tcp, std::uint32_t tcp_fin, std::uint32_t udp);

}  // namespace usher
