// SPDX-License-Identifier: BSD-3-Clause
#include "nat/tcp_state.hpp"

namespace usher {

namespace {

constexpr State NO = State::none, ES = State::established, SS = State::syn_sent,
                SR = State::syn_recv, FW = State::fin_wait, TW = State::time_wait,
                CL = State::close, CW = State::close_wait, LA = State::last_ack, LI = State::listen,
                SA = State::synack;

enum Event : std::uint8_t { kEventSyn, kEventFin, kEventAck, kEventRst };

// [direction][event][state], as ip_vs_proto_tcp's table for a director that sees both ways.
constexpr State kNext[2][4][11] = {
    {
        //          NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA
        /* syn */ {SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR},
        /* fin */ {CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW},
        /* ack */ {ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES},
        /* rst */ {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR},
    },
    {
        /* syn */ {SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR},
        /* fin */ {TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW},
        /* ack */ {ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES},
        /* rst */ {CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL},
    },
};

}  // namespace

State next_state(State now, Direction direction, std::uint8_t flags) {
    const auto& table = kNext[static_cast<int>(direction)];
    const auto state = static_cast<std::size_t>(now);
    if (state >= 11) return now;
    if (flags & kRst) return table[kEventRst][state];
    if (flags & kSyn) return table[kEventSyn][state];
    if (flags & kFin) return table[kEventFin][state];
    if (flags & kAck) return table[kEventAck][state];
    return State::close;
}

std::string_view state_name(State state) {
    static constexpr std::array<std::string_view, kStateCount> kNames{
        "NONE",  "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT",
        "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "SYNACK",   "UDP"};
    return kNames[static_cast<std::size_t>(state)];
}

StateTimeouts state_timeouts(std::uint32_t tcp, std::uint32_t tcp_fin, std::uint32_t udp) {
    return {2, tcp, 120, 60, tcp_fin, 120, 10, 60, 30, 120, 120, udp};
}

}  // namespace usher
