// SPDX-License-Identifier: BSD-3-Clause
// The four lines of an FTP control connection that announce a data connection, as text:
//
//   PORT 198,51,100,7,157,13                        client, RFC 959
//   EPRT |2|2001:db8::7|40205|                      client, RFC 2428
//   227 Entering Passive Mode (10,0,0,100,157,13)   server, RFC 959
//   229 Entering Extended Passive Mode (|||40205|)  server, RFC 2428
//
// Pure: text in, values out; no line is trusted to be FTP.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "nat/address.hpp"

namespace usher {

inline constexpr std::uint16_t kFtpControlPort = 21;

enum class FtpKind : std::uint8_t { port, extended_port, passive, extended_passive };

// Who connects: the server to the client's `port`, after PORT and EPRT; else the client to the
// server's.
constexpr bool is_active(FtpKind kind) {
    return kind == FtpKind::port || kind == FtpKind::extended_port;
}

struct FtpEndpoint {
    FtpKind kind = FtpKind::port;
    IpAddress address;  // as named; 0.0.0.0 for 229, which names none
    std::uint16_t port = 0;
    friend bool operator==(const FtpEndpoint&, const FtpEndpoint&) = default;
};

// "h1,h2,h3,h4,p1,p2" at the beginning of a text that may end too early.
struct HostPort {
    enum class Verdict : std::uint8_t { no, unfinished, yes };  // yes: something ends the sixth
    Verdict verdict = Verdict::no;
    bool host_whole = false;       // the comma after the fourth number is there
    std::uint8_t host_length = 0;  // of the four numbers, as far as they go; at most 15
    std::uint8_t length = 0;       // of all six, when yes
    std::array<std::uint8_t, 6> numbers{};

    IpAddress address() const;
    std::uint16_t port() const;
};
inline constexpr std::size_t kLongestHost = 15;      // "255,255,255,255"
inline constexpr std::size_t kLongestHostPort = 23;  // and two more
HostPort match_host_port(std::string_view text);

// An IPv4 address as PORT and 227 write it: "203,0,113,10".
class HostText {
  public:
    explicit HostText(const IpAddress& address);
    std::string_view text() const { return {bytes_.data(), length_}; }

  private:
    std::array<char, kLongestHost> bytes_{};
    std::uint8_t length_ = 0;
};

// A whole line of the client's, its line end included: PORT or EPRT, in any letter case.
std::optional<FtpEndpoint> parse_ftp_command(std::string_view line);

// The text of a 229 reply.
std::optional<FtpEndpoint> parse_extended_passive(std::string_view line);

// The first place at or after `from` where a number begins; npos: none.
std::size_t find_number(std::string_view text, std::size_t from);

// The three digits that a reply begins with, when a space or a hyphen follows; 0: it does not.
std::uint16_t reply_code(std::string_view line);

}  // namespace usher
