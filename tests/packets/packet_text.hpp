// SPDX-License-Identifier: BSD-3-Clause
// Packets as text, both ways. The text is one line; fields that have their default are left out:
//
//   tcp 198.51.100.7:4001 > 203.0.113.10:80 S ttl=64 seq=1 ack=0 len=5 id=7 df mss=1460
//   tcp 198.51.100.7:4001 > 203.0.113.10:80 A ack=9 sack=20 sack-end=30     (RFC 2018)
//   udp 198.51.100.7:4001 > 203.0.113.10:53 len=12 nosum
//   tcp 198.51.100.7:4001 > 203.0.113.10:80 A ts=7 unknown=9        (RFC 7323; an option of
//   nobody's) udp 198.51.100.7:4001 > 203.0.113.10:53 len=12 options            (router alert, RFC
//   2113) udp [2001:db8::7]:4001 > [2001:db8:1::10]:53 len=12 options       (a hop-by-hop header)
//   icmp 203.0.113.10 > 198.51.100.7 3/4 mtu=1400 cut=36 { tcp ... }   (cut: the message's length)
//   udp 198.51.100.7:4001 > 203.0.113.10:53 len=3000 id=7 from=1480 to=2960   (a fragment of that)
//   icmp 10.0.0.100 > 192.0.2.1 8/0 query=7 len=56                     (an echo's id, its data)
//   vlan=10 tcp 198.51.100.7:4001 > ...  the same with an 802.1Q tag
//   tcp 198.51.100.7:4001 > 203.0.113.10:21 PA text="PASV\r\n"         (instead of 'x')
//   sctp 198.51.100.7:4001 > 203.0.113.10:9 1 len=16 tag=7               (an INIT chunk)
//   tcp 198.51.100.7:4001 > 203.0.113.10:80 S badsum                   (or badheader: IPv4's)
//   hex 0a0b0c...                       a frame byte for byte, with its Ethernet header
//
// describe() works every checksum out from nothing; a wrong one shows as !ip-sum, !tcp-sum,
// !udp-sum, !sctp-sum, !icmp-sum; of a first fragment it shows the transport's as it is. TTL is 64
// and lengths 0 by default; payloads are 'x'.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace usher::test {

using Frame = std::vector<std::uint8_t>;

std::optional<Frame> frame_of(std::string_view text);  // nullopt: the text is no packet
std::string describe(std::span<const std::uint8_t> frame);

// Every length consistent and every checksum right: what may be sent.
bool is_sound(std::span<const std::uint8_t> frame);

}  // namespace usher::test
