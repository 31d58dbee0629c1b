// SPDX-License-Identifier: BSD-3-Clause
#include "nat/sctp_state.hpp"

namespace usher {

namespace {

State after_abort(State now) {
    return now == State::sctp_init1 || now == State::sctp_init ? State::sctp_rejected
                                                               : State::sctp_closed;
}

// INIT opens, what is over anew; of one that stands the client has perhaps restarted, and the two
// ends settle that among themselves.
State after_init(State now) {
    switch (now) {
        case State::none:
        case State::sctp_closed:
        case State::sctp_rejected:
            return State::sctp_init1;
        case State::sctp_init1:
            return State::sctp_init;
        default:
            return now;
    }
}

bool is_opening(State now) {
    return now == State::sctp_init1 || now == State::sctp_init || now == State::sctp_cookie_sent;
}

bool is_ending(State now) {
    return now == State::sctp_shutdown_sent || now == State::sctp_shutdown_received ||
           now == State::sctp_shutdown_ack_sent;
}

}  // namespace

State next_sctp_state(State now, Direction direction, std::uint8_t chunk) {
    const bool client = direction == Direction::original;
    switch (chunk) {
        case kSctpInit:
            return client ? after_init(now) : now;
        case kSctpInitAck:
            return !client && is_opening(now) ? State::sctp_cookie_sent : now;
        case kSctpCookieEcho:
            return client && (is_opening(now) || now == State::none) ? State::sctp_cookie_replied
                                                                     : now;
        case kSctpCookieAck:
            return !client && (is_opening(now) || now == State::sctp_cookie_replied)
                       ? State::sctp_established
                       : now;
        case kSctpShutdown:
            if (now != State::sctp_established) return now;
            return client ? State::sctp_shutdown_received : State::sctp_shutdown_sent;
        case kSctpShutdownAck:
            return is_ending(now) ? State::sctp_shutdown_ack_sent : now;
        case kSctpShutdownComplete:
            return is_ending(now) ? State::sctp_closed : now;
        case kSctpAbort:
            return after_abort(now);
        default:
            // Data, in the middle of one that we did not see begin (sloppy_sctp).
            return now == State::none ? State::sctp_established : now;
    }
}

}  // namespace usher
