// SPDX-License-Identifier: BSD-3-Clause
// What must be true of every packet that the worker sends, worked out from the packet that it was
// made from: translated and else the same to the byte, or an answer of our own; whole, with right
// lengths; every checksum as far from right as it came; no address that is nobody's business.
#pragma once

#include <string>

#include "dataplane/network.hpp"
#include "tests/fuzz/worker_packet.hpp"

namespace usher::fuzz {

// What fuzz_worker injected, and where.
struct Injected {
    Frame frame;
    PortIndex port = 0;
    bool others = false;  // other = "kernel", now or before: some are forwarded as by a router
    unsigned sent = 0;    // packets that came out of it
};

// Each ends the process with what is wrong, if something is.
void check_sent(const Injected& in, PortIndex port, Bytes out);

// Datagrams that left in pieces, since they were too long for their way: each piece is looked at,
// and what they make when they are put together.
class Pieces {
  public:
    // Is it a piece of that, and not what `in` became?
    static bool is_piece(const Injected* in, Bytes out);
    void take(std::vector<Injected>& injected, PortIndex port, Bytes out);
    void clear() { pieces_.clear(); }

  private:
    struct Piece {
        View view;
        PortIndex port;
        Frame frame;
    };
    void put_together(Injected& in, const View& last);

    std::vector<Piece> pieces_;
};

// Ends the process, and says why.
[[noreturn]] void found(const std::string& what);
[[noreturn]] void found(const std::string& what, Bytes in, Bytes out);

}  // namespace usher::fuzz
