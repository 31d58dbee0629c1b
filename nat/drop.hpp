// SPDX-License-Identifier: BSD-3-Clause
// Why a packet was not forwarded. Every reason has a counter in every worker (`usher drop`), a
// sentence in docs/drops.md, and a case in tests/packets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace usher {

enum class Drop : std::uint8_t {
    none,  // not dropped
    // parsing
    truncated,       // shorter than its own headers say
    not_ip,          // neither IPv4 nor anything else that we forward
    unknown_vlan,    // tagged for a VLAN that is no port of ours, or tagged twice
    bad_ip_header,   // version or a length cannot be; or a first packet with a wrong checksum
    bad_tcp_header,  // its length cannot be; or FTP's control text with a wrong checksum
    bad_udp_header,
    fragment,
    unknown_protocol,
    bad_sctp,            // too short; or its ports must change and its checksum is wrong
    segmented,           // in several mbufs
    bad_icmp,            // cut, or its checksum is wrong
    bad_quote,           // an ICMP error about a packet that nobody can have sent through us
    bad_fragment,        // overlaps, contradicts or does not fit; all others of its datagram too
    duplicate_fragment,  // the same once more
    fragment_timeout,    // the datagram's beginning never came
    fragments_full,      // it gave way to fragments of others
    // admission
    no_service,          // no virtual service, and no connection that it would answer
    not_a_first_packet,  // TCP without SYN for a service: refused with a RST
    no_server,           // no real server usable: refused with an ICMP port unreachable
    martian_source,      // a source address that nobody may have
    table_full,
    flow_taken,  // the answer's flow belongs to another connection
    shed,        // a first packet, by drop_packet
    // forwarding
    server_gone,  // the connection's real server was removed (expire_nodest_conn = 0)
    ttl_exceeded,
    no_route,
    neighbour_failed,  // nobody answered for the next hop
    neighbour_queue_full,
    too_big,  // for the way out, and must not be fragmented
    transmit_full,
    worker_full,      // another worker's, which does not keep up ([workers] spread)
    no_outside_port,  // masquerading has no port left, or no address on that way
    refusal_limited,  // an error that we would have sent, over the rate
    ftp_wait,         // a segment of FTP control text that will be taken when it comes again
    ftp_full,         // no room for an FTP control connection, or for a data connection of one
    exception_full,   // Linux's interface for a port of ours does not keep up
    count_
};

inline constexpr std::size_t kDropCount = static_cast<std::size_t>(Drop::count_);

inline constexpr std::array<std::string_view, kDropCount> kDropNames{
    "none",
    "truncated",
    "not-ip",
    "unknown-vlan",
    "bad-ip-header",
    "bad-tcp-header",
    "bad-udp-header",
    "fragment",
    "unknown-protocol",
    "bad-sctp",
    "segmented",
    "bad-icmp",
    "bad-quote",
    "bad-fragment",
    "duplicate-fragment",
    "fragment-timeout",
    "fragments-full",
    "no-service",
    "not-a-first-packet",
    "no-server",
    "martian-source",
    "table-full",
    "flow-taken",
    "shed",
    "server-gone",
    "ttl-exceeded",
    "no-route",
    "neighbour-failed",
    "neighbour-queue-full",
    "too-big",
    "transmit-full",
    "worker-full",
    "no-outside-port",
    "refusal-limited",
    "ftp-wait",
    "ftp-full",
    "exception-full",
};

inline std::string_view drop_name(Drop reason) {
    return kDropNames[static_cast<std::size_t>(reason)];
}

}  // namespace usher
