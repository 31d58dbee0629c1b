// SPDX-License-Identifier: BSD-3-Clause
// What the daemon tells about itself: the rows of its listings, as plain values. The control thread
// fills them, control/wire.hpp carries them, the command line prints them.
// Bytes are those of the IP datagram; rates are a second's, in whole packets and bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "conf/model.hpp"

namespace usher {

struct Stats {  // since the last zero
    std::uint64_t conns = 0;
    std::uint64_t in_packets = 0;
    std::uint64_t out_packets = 0;
    std::uint64_t in_bytes = 0;
    std::uint64_t out_bytes = 0;
    friend bool operator==(const Stats&, const Stats&) = default;
};

struct Rate {  // IPVS's estimator: an average sampled every 2 s
    std::uint64_t cps = 0;
    std::uint64_t in_pps = 0;
    std::uint64_t out_pps = 0;
    std::uint64_t in_bps = 0;  // bytes, as in ipvsadm's InBPS
    std::uint64_t out_bps = 0;
    friend bool operator==(const Rate&, const Rate&) = default;
};

struct ServerRow {
    ServerKey key;
    ServerOptions options;
    std::uint64_t active = 0;      // established connections
    std::uint64_t inactive = 0;    // in any other state
    std::uint64_t persistent = 0;  // persistence templates
    Stats stats;
    Rate rate;
    friend bool operator==(const ServerRow&, const ServerRow&) = default;
};

struct ServiceRow {
    ServiceKey key;
    ServiceOptions options;
    Stats stats;
    Rate rate;
    std::vector<ServerRow> servers;  // IPVS's own order: newest first
    friend bool operator==(const ServiceRow&, const ServiceRow&) = default;
};

struct ServiceListing {
    std::string version;     // of IPVS whose behaviour this is: "1.2.1"
    std::uint64_t size = 0;  // of the connection table, in connections
    std::vector<ServiceRow> services;
    friend bool operator==(const ServiceListing&, const ServiceListing&) = default;
};

struct ConnectionRow {
    Protocol protocol = Protocol::tcp;
    std::string state;          // "ESTABLISHED", as IPVS names it
    std::uint32_t expires = 0;  // seconds from now
    ServerKey client;           // address and port
    ServerKey virtual_end;
    ServerKey server;
    friend bool operator==(const ConnectionRow&, const ConnectionRow&) = default;
};

struct WorkerRow {
    unsigned core = 0;
    std::uint64_t packets = 0;
    std::uint64_t bursts = 0;
    double busy = 0;  // share of time since the start, 0..1
    double cycles_per_packet = 0;
    // Of the last second:
    double busy_now = 0;          // 0..1
    double asleep_now = 0;        // 0..1
    double burst_fill = 0;        // of bursts of 32, 0..1
    std::uint64_t pps = 0;        // packets
    std::uint64_t handed_on = 0;  // received and given to other workers, since the start
    std::string queues = {};      // that it reads: "eth0:0 eth1:0"
    friend bool operator==(const WorkerRow&, const WorkerRow&) = default;
};

struct PortRow {
    std::string name;
    std::string role;    // "external", "internal", "both"
    std::string attach;  // "af_xdp", "device"
    std::string mac;
    std::uint32_t mtu = 0;
    bool link = false;
    std::uint64_t rx_packets = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t rx_missed = 0;
    std::uint64_t tx_errors = 0;
    std::string detail;  // for a person: driver, queues, how it is attached
    friend bool operator==(const PortRow&, const PortRow&) = default;
};

struct DropRow {
    std::string reason;
    std::uint64_t count = 0;
    friend bool operator==(const DropRow&, const DropRow&) = default;
};

struct VsRow {  // one of IPVS's settings (conf/vs_settings.hpp)
    std::string name;
    std::uint64_t value = 0;
    std::uint64_t standard = 0;  // its default
    std::uint64_t least = 0;
    std::uint64_t most = 0;
    std::string about;
    friend bool operator==(const VsRow&, const VsRow&) = default;
};

struct OutsideRow {  // an outside address of masquerading, and one of its kinds of ports
    IpAddress address;
    std::string protocol;         // "tcp", "udp", "icmp": its query ids
    std::uint64_t ports = 0;      // that may be handed out
    std::uint64_t used = 0;       // handed out
    std::uint64_t resting = 0;    // handed out before, and not to be again yet
    std::uint64_t exhausted = 0;  // times that there was none
    friend bool operator==(const OutsideRow&, const OutsideRow&) = default;
};

struct MasqueradeListing {
    std::vector<MasqueradeRule> rules;
    OtherTraffic other = OtherTraffic::drop;
    std::vector<OutsideRow> addresses;
    friend bool operator==(const MasqueradeListing&, const MasqueradeListing&) = default;
};

struct TableRow {
    unsigned bits = 0;
    std::uint64_t size = 0;
    std::uint64_t connections = 0;
    std::uint64_t memory_bytes = 0;
    friend bool operator==(const TableRow&, const TableRow&) = default;
};

}  // namespace usher
