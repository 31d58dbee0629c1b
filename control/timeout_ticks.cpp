// SPDX-License-Identifier: BSD-3-Clause
#include "control/timeout_ticks.hpp"

#include <algorithm>

#include "dataplane/clock.hpp"

namespace usher {

namespace {

Ticks& of(StateTimeouts& timeouts, State state) {
    return timeouts[static_cast<std::size_t>(state)];
}

}  // namespace

StateTimeouts timeout_ticks(const Timeouts& timeouts) {
    StateTimeouts ticks = state_timeouts(timeouts.tcp, timeouts.tcp_fin, timeouts.udp);
    for (std::uint32_t& value : ticks)
        value = seconds(value);
    return ticks;
}

std::vector<StateTimeouts> own_timeout_ticks(const Timeouts& timeouts,
                                             const std::vector<std::uint32_t>& idle_timeouts) {
    std::vector<StateTimeouts> all;
    all.reserve(idle_timeouts.size());
    for (const std::uint32_t idle : idle_timeouts) {
        all.push_back(timeout_ticks({idle, timeouts.tcp_fin, idle}));
        of(all.back(), State::sctp_established) = seconds(idle);
    }
    return all;
}

// RFC 5382 REQ-5 wants two hours and four minutes of an idle TCP connection, and four minutes of
// one that opens or closes; RFC 7857 section 2.2 wants these after a RST, too, which may be
// anybody's guess. RFC 4787 REQ-5 wants two minutes of UDP, which is ICMP queries' state, too: RFC
// 5508 REQ-2 wants one of those.
StateTimeouts masquerade_timeout_ticks(const Timeouts& timeouts) {
    constexpr std::uint32_t kEstablished = 7440, kTransitory = 240, kUdp = 120;
    StateTimeouts ticks = timeout_ticks(timeouts);
    const auto at_least = [&](State state, std::uint32_t floor) {
        of(ticks, state) = std::max(of(ticks, state), seconds(floor));
    };
    for (std::size_t i = 0; i < ticks.size(); ++i) {
        const auto state = static_cast<State>(i);
        at_least(state, state == State::udp ? kUdp : kTransitory);
    }
    at_least(State::established, kEstablished);
    return ticks;
}

// RFC 4787 REQ-5(a) allows less than two minutes for well-known ports whose protocol needs no more.
// A resolver sends each query from a port of its own: ports would run out.
StateTimeouts masqueraded_query_timeout_ticks(const Timeouts& timeouts) {
    constexpr std::uint32_t kQuery = 30;
    StateTimeouts ticks = masquerade_timeout_ticks(timeouts);
    of(ticks, State::udp) = seconds(kQuery);
    return ticks;
}

}  // namespace usher
