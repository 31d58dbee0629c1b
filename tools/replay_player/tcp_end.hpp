// SPDX-License-Identifier: BSD-3-Clause
// One end of a simulated TCP connection, as a program and its kernel behave: handshake, bytes,
// FIN and RST in either direction, and retransmissions with their doubling times, for what the
// director swallows. No windows, no congestion but this: what is lost is sent again alone before
// anything new.
//
// segments to send gather in `out`; the owner carries them, and calls on_timer when due.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tools/replay_player/frame.hpp"

namespace usher::replay {

using Micros = std::int64_t;  // of the player's clock, since its start

enum class Fault : std::uint8_t { none, refused, reset, unreachable, timed_out };

class TcpEnd {
  public:
    TcpEnd(const Endpoint& local, const Endpoint& remote, std::uint32_t first_sequence)
        : local_(local), remote_(remote), first_(first_sequence) {
        unacknowledged_ = next_ = end_ = first_;
    }

    void connect(Micros now);
    void accept(const Segment& syn, Micros now);
    bool write(unsigned bytes, Micros now);  // false: the connection is gone (EPIPE)
    void shut_down(Micros now);              // nothing more will be written
    void abort();                            // a reset
    void receive(const Segment& segment, Micros now);
    void receive(const IcmpReport& report);
    void on_timer(Micros now);

    const Endpoint& local() const { return local_; }
    const Endpoint& remote() const { return remote_; }
    std::optional<Micros> due() const { return due_; }
    bool is_established() const { return opened_ && !is_gone_; }
    bool is_gone() const { return is_gone_; }
    bool has_ended() const;  // gone, or both sides have finished
    bool at_end_of_file() const { return peer_finished_; }
    bool is_readable() const { return unread_ > 0 || peer_finished_ || fault_ != Fault::none; }
    unsigned unread() const { return unread_; }
    void read_all() { unread_ = 0; }
    Fault fault() const { return fault_; }
    Fault take_fault();  // an error is told once
    const std::optional<IcmpReport>& icmp() const { return icmp_; }

    std::vector<Segment> out;

  private:
    void send_new(Micros now);
    void transmit(std::uint32_t from, std::uint32_t to);
    void acknowledge();
    void answer_handshake(const Segment& segment, Micros now);
    void take_acknowledgement(std::uint32_t acknowledged, Micros now);
    void take_payload(const Segment& segment);
    void arm(Micros now);
    void end(Fault fault);

    const Endpoint local_;
    const Endpoint remote_;
    const std::uint32_t first_;     // the SYN's
    std::uint32_t unacknowledged_;  // the first sequence number that the peer does not have
    std::uint32_t next_;            // the first that was never sent
    std::uint32_t end_;             // behind all that is to be sent
    std::uint32_t expected_ = 0;    // the peer's next
    bool heard_ = false;            // the peer's SYN
    bool opened_ = false;           // our SYN is acknowledged
    bool finishing_ = false;        // a FIN is the last before end_
    bool peer_finished_ = false;
    bool recovering_ = false;
    bool is_gone_ = false;
    unsigned unread_ = 0;
    unsigned attempts_ = 0;
    Micros patience_ = 0;  // until the next retransmission
    std::optional<Micros> due_;
    Fault fault_ = Fault::none;
    std::optional<IcmpReport> icmp_;
};

}  // namespace usher::replay
