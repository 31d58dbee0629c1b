// SPDX-License-Identifier: BSD-3-Clause
// What the director keeps of an FTP control connection, and what it does with each of its segments.
// The helper's only entrance.
//
// On one login, client 198.51.100.7, service 203.0.113.10:21, server 10.0.0.100:21:
//
//   PASV                  the client's, passed on as it is
//   227 Entering Passive Mode (10,0,0,100,157,13).
//                         leaves with (203,0,113,10,157,13); found: passive, port 40205. From here
//                         on the server's numbers grow by 2 and the client's acknowledgements
//                         shrink
//   PORT 198,51,100,7,200,1
//                         passed on as it is; found: active, 198.51.100.7 port 51201
//
// Who writes what. Segments of one direction come to one worker, those of the other perhaps to
// another at the same time. Each side below is written by the worker that has a segment of its
// direction in hand; what the other direction reads of it is atomic. If a direction's segments do
// come to two workers at once (a NIC's queues are dealt anew), the second finds the side taken and
// drops its segment, which is sent again; nobody waits. Nothing is a pointer; a record of zeros,
// as new, is ready for a connection.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "nat/ftp_scanner.hpp"
#include "nat/tcp_state.hpp"
#include "nat/tcp_text.hpp"

namespace usher {

enum class FtpVerdict : std::uint8_t {
    forward,
    // Drop it; the sender will send it again. It came before what it follows, or at the same time
    // on another worker, or its text may change only when the last change is acknowledged.
    wait,
};

struct FtpControl {
    // Of a side: 0, or kKnown and the furthest acknowledgement in its segments, of the other side's
    // text, in the other side's own numbers.
    static constexpr std::uint64_t kKnown = 1ULL << 32;

    struct alignas(64) Commands {  // the client's segments
        std::atomic<bool> taken{false};
        std::atomic<std::uint64_t> acknowledged{0};
        FtpStream stream;
    };
    struct alignas(64) Replies {  // the server's
        std::atomic<bool> taken{false};
        std::atomic<std::uint64_t> acknowledged{0};
        std::atomic<std::uint64_t> shift{0};  // SequenceShift::bits
        FtpReplies stream;
    };
    Commands commands;
    Replies replies;

    // For a connection that begins: at admission, before the connection can be found, and when a
    // SYN opens a closed one anew. False: a worker has a segment of it in hand; drop the SYN.
    bool restart();
};

static_assert(sizeof(FtpControl) == 6 * 64);

// Holds a side while a segment of its direction is in hand, from its construction on.
class FtpTurn {
  public:
    FtpTurn(FtpControl& control, Direction direction);
    ~FtpTurn();
    FtpTurn(const FtpTurn&) = delete;
    FtpTurn& operator=(const FtpTurn&) = delete;
    // False: another worker has it. Then pass() says `wait`.
    explicit operator bool() const { return holds_; }

    // The segment, before or after its addresses are rewritten, but before the datagram's length is
    // compared with the MTU. `room` is from the frame's first byte to as far as it may grow: the
    // buffer's end, or what the MTU allows if that is less. Changes the segment in place, and
    // headers.ip_length and tcp_flags with it; when it says `wait`, the frame may have been changed
    // and is worth nothing. What is in `findings` has to be expected before the segment leaves.
    template <Family F>
    FtpVerdict pass(std::span<std::uint8_t> room, Headers& headers, const FtpParties& parties,
                    FtpFindings& findings);
    // Whether pass() would leave any segment of this direction as it is: its text is not read, and
    // no numbers have shifted.
    bool changes_nothing() const;
    // It does not leave after all: its text is scanned anew when it comes again.
    void take_back();

  private:
    FtpControl& control_;
    const Direction direction_;
    const bool holds_;
    FtpReplies before_;  // of commands, its FtpStream
    std::uint64_t shift_before_ = 0;
};

// A turn of its own.
template <Family F>
FtpVerdict pass_ftp(FtpControl& control, Direction direction, std::span<std::uint8_t> room,
                    Headers& headers, const FtpParties& parties, FtpFindings& findings);

}  // namespace usher
