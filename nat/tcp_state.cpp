// SPDX-License-Identifier: BSD-3-Clause
#include "nat/tcp_state.hpp"

namespace usher {

namespace {

constexpr State ES = State::established, SS = State::syn_sent, SR = State::syn_recv,
                FW = State::fin_wait, TW = State::time_wait, CL = State::close,
                CW = State::close_wait, LA = State::last_ack, LI = State::listen,
                SA = State::synack, UD = State::udp;

enum Event : std::uint8_t { kEventSyn, kEventFin, kEventAck, kEventRst, kEventNone };

constexpr std::array<std::uint8_t, 32> events() {
    std::array<std::uint8_t, 32> table{};
    for (std::size_t flags = 0; flags < table.size(); ++flags)
        table[flags] = flags & kRst   ? kEventRst
                       : flags & kSyn ? kEventSyn
                       : flags & kFin ? kEventFin
                       : flags & kAck ? kEventAck
                                      : kEventNone;
    return table;
}

}  // namespace

constexpr std::array<std::uint8_t, 32> kTcpEvent = events();

constexpr TcpTable kNextState{{
    {{
        //           NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA
        /* syn  */ {SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR, UD},
        /* fin  */ {CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW, UD},
        /* ack  */ {ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES, UD},
        /* rst  */ {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR, UD},
        /* none */ {CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, UD},
    }},
    {{
        /* syn  */ {SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR, UD},
        /* fin  */ {TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW, UD},
        /* ack  */ {ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES, UD},
        /* rst  */ {CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL, UD},
        /* none */ {CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, UD},
    }},
}};

constexpr TcpTable kSecureNextState{{
    {{
        //           NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA
        /* syn  */ {SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SA, UD},
        /* fin  */ {CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, SA, UD},
        /* ack  */ {ES, ES, SS, SR, FW, TW, CL, CW, CL, LI, SA, UD},
        /* rst  */ {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL, UD},
        /* none */ {CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, UD},
    }},
    {{
        /* syn  */ {SS, ES, SS, SA, SS, SS, SS, SS, SS, LI, SA, UD},
        /* fin  */ {TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW, UD},
        /* ack  */ {ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES, UD},
        /* rst  */ {CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL, UD},
        /* none */ {CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, UD},
    }},
}};

std::string_view state_name(State state) {
    static constexpr std::array<std::string_view, kStateCount> kNames{
        "NONE",       "ESTABLISHED", "SYN_SENT", "SYN_RECV",  "FIN_WAIT",    "TIME_WAIT",
        "CLOSE",      "CLOSE_WAIT",  "LAST_ACK", "LISTEN",    "SYNACK",      "UDP",
        "INIT1",      "INIT",        "C-SENT",   "C-REPLIED", "ESTABLISHED", "S-SENT",
        "S-RECEIVED", "S-ACK-SENT",  "REJECTED", "CLOSED"};
    return kNames[static_cast<std::size_t>(state)];
}

StateTimeouts state_timeouts(std::uint32_t tcp, std::uint32_t tcp_fin, std::uint32_t udp) {
    constexpr std::uint32_t kSctp = 61, kSctpEstablished = 900, kSctpShort = 4;
    return {2,
            tcp,
            120,
            60,
            tcp_fin,
            120,
            10,
            60,
            30,
            120,
            120,
            udp,
            kSctpShort,
            kSctp,
            kSctp,
            kSctp,
            kSctpEstablished,
            kSctp,
            kSctp,
            kSctp,
            kSctpShort,
            kSctp};
}

}  // namespace usher
