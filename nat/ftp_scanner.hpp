// SPDX-License-Identifier: BSD-3-Clause
// Reads the two streams of an FTP control connection as they come, in pieces of any size, and finds
// the data connections that they announce. In the server's stream it also says where our own
// address has to stand instead of the server's: in a 227 reply. How, with replies that are cut
// anywhere, without holding packets back: docs/decisions/0006-ftp-control-text.md.
//
// Pure, and it takes any bytes. A stream that turns out not to be FTP text (TLS after AUTH, another
// protocol) is not looked at any more.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "nat/ftp_line.hpp"
#include "nat/ftp_text.hpp"
#include "nat/sequence_shift.hpp"

namespace usher {

// Whose control connection it is, and what the service's operator allows.
struct FtpParties {
    IpAddress client;
    IpAddress virtual_address;  // of the same family
    bool third_party = false;   // PORT and EPRT may name an address that is not the client's
};

// The data connections that a segment announced; of more than kRoom the last.
class FtpFindings {
  public:
    static constexpr std::size_t kRoom = 8;

    void add(const FtpEndpoint& found);
    void refuse() { ++refused_; }

    std::span<const FtpEndpoint> all() const { return {found_.data(), count_}; }
    unsigned refused() const { return refused_; }  // third parties and privileged ports

  private:
    std::array<FtpEndpoint, kRoom> found_{};
    std::uint8_t count_ = 0;
    unsigned refused_ = 0;
};

// What is the same in both directions: a stream, scanned up to `next`.
struct FtpStream {
    bool known = false;  // `next` is
    bool off = false;    // not FTP: passed on unread, for good
    std::uint32_t next = 0;
    FtpLine line;

    void start(std::uint32_t sequence);  // after its SYN
    void join(std::uint32_t sequence);   // at its first text that we see; the SYN was not seen
    // What was before `sequence` went another way.
    void resume(std::uint32_t sequence);
};

// Scans what follows stream.next in the client's stream.
void scan_commands(FtpStream& stream, std::span<const std::uint8_t> fresh,
                   const FtpParties& parties, FtpFindings& findings);

struct FtpReplies : FtpStream {
    // The address in a 227 line: looked for; begun, its end not there yet; replaced, the port's
    // numbers not there yet; all there.
    enum class Address : std::uint8_t { sought, begun, replaced, complete };

    bool greeted = false;          // the first line looked like a reply
    std::uint16_t open_reply = 0;  // of several lines: its code, up to its last line; 0: none
    Address address = Address::sought;
    std::uint8_t address_offset = 0;  // in the line; while it is sought, where to go on

    void join(std::uint32_t sequence);
    void resume(std::uint32_t sequence);
};

// Scans what follows replies.next in the server's stream and keeps `shift` in step. `may_change`:
// everything up to the end of the last change is acknowledged, so that there may be another.
// Returns how many bytes it scanned: fewer than all if the rest begins with an address that can be
// replaced only later. That rest must not be passed on now.
std::size_t scan_replies(FtpReplies& replies, std::span<const std::uint8_t> fresh,
                         const FtpParties& parties, bool may_change, SequenceShift& shift,
                         FtpFindings& findings);

}  // namespace usher
