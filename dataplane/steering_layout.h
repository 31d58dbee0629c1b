// SPDX-License-Identifier: BSD-3-Clause
// What the XDP program (C, in the kernel) and its feeder (C++) agree on: keys, names, counters.
#pragma once

#include <linux/types.h>

// One entry of `services`, `servers`, `locals` or `outside`. Address and port are in network order;
// an IPv4 address is in the first word and the rest is zero.
struct steering_endpoint {
    __u32 address[4];
    __u16 port;     // 0: every port; of a local or outside address: always 0
    __u8 protocol;  // of a local or outside address: 0
    __u8 kind;      // STEERING_IPV4, STEERING_IPV6, or STEERING_MAC with the address's 6 bytes
};

// Destinations that a rule may give a firewall mark: a prefix and ports (host order, both ends
// included). The longest prefix that has the address counts; it stands for the shorter ones that
// contain it, too.
struct steering_marked_key {
    __u32 prefix_length;  // STEERING_MARKED_FIXED_BITS, and those of the address
    __u8 kind;
    __u8 protocol;
    __u16 zero;
    __u32 address[4];
};
struct steering_port_range {
    __u16 first;
    __u16 last;
};
#define STEERING_OWN_RANGES 16
struct steering_marked_ports {
    struct steering_port_range all;  // between them lie those of all rules
    // Of the box's own addresses: the ports of rules that name a destination, which do not touch
    // one another; then ranges of {1, 0}.
    struct steering_port_range own[STEERING_OWN_RANGES];
};
#define STEERING_MARKED_FIXED_BITS 32

// Prefixes whose connections to the outside are masqueraded.
struct steering_inside_key {
    __u32 prefix_length;  // STEERING_INSIDE_FIXED_BITS, and those of the address
    __u32 kind;
    __u32 address[4];
};
#define STEERING_INSIDE_FIXED_BITS 32

// Of an address in `outside`: the ports and ICMP query ids that masquerading has of it, host order.
// The others are the box's own, should it have the address.
struct steering_outside_ports {
    __u16 first;
    __u16 last;
    __u16 first_query;
    __u16 last_query;
    __u16 query_bits;  // and of these query ids only those that have all of these bits
};

// A datagram in fragments whose later ones do not go where they would by their addresses alone.
struct steering_fragments_key {
    __u32 source[4];
    __u32 destination[4];
    __u32 id;
    __u16 zero;
    __u8 protocol;
    __u8 kind;
};

// The ends of an FTP control connection: a client's address, and the service's or the server's.
struct steering_ftp_key {
    __u32 client[4];
    __u32 here[4];
    __u32 kind;
};

// The one entry of `policy`: bits.
#define STEERING_TAKE_OTHER 1U      // what is nobody's goes to a worker, which drops and counts it
#define STEERING_LEAVE_UNTAGGED 2U  // only VLANs of this interface are ours
#define STEERING_HAS_FTP 4U         // some service has the FTP helper

#define STEERING_IPV4 4
#define STEERING_IPV6 6
#define STEERING_MAC 2  // in `locals`: a MAC address of the box
// Added to the kind in `services` and `servers`: the address has an entry for this protocol, its
// port is 0 here. For fragments without ports.
#define STEERING_SOME_PORT 0x80
// Likewise: this port is an FTP control port.
#define STEERING_FTP 0x40

#define STEERING_PROGRAM "usher_steer"
#define STEERING_QUEUES 64
#define STEERING_VLANS 4096
#define STEERING_MAX_SERVICES 65536
#define STEERING_MAX_SERVERS 262144  // the maps have room for STEERING_SOME_PORT entries, too
#define STEERING_MAX_LOCALS 16384
#define STEERING_MAX_MARKED 196608  // 65,536 rules, each of three protocols
#define STEERING_MAX_INSIDE 1024
#define STEERING_MAX_OUTSIDE 1024
#define STEERING_FRAGMENTED 8192  // the least recently used gives way
#define STEERING_FTP_TALKS 65536  // likewise

enum steering_outcome {
    STEERING_TO_SERVICE,        // to a worker: towards a virtual service
    STEERING_FROM_SERVER,       // to a worker: a real server's answer
    STEERING_ICMP_TO_SERVICE,   // to a worker: an ICMP error about a packet the service sent
    STEERING_ICMP_FROM_SERVER,  // to a worker: an ICMP error about a packet to a real server
    STEERING_MASQUERADE,        // to a worker: from inside to the outside
    STEERING_MASQUERADED,       // to a worker: an answer to such a one, or an ICMP error about it
    STEERING_FRAGMENT,          // to a worker: a later fragment of one of the above, most likely
    STEERING_NOBODYS,           // to a worker, which drops it: none of the above, nor the box's own
    STEERING_NO_WORKER,         // would be one of the above, but nobody reads this queue: kernel
    STEERING_LOCAL,             // to the kernel: for the box itself
    STEERING_OTHER,             // to the kernel: nothing of ours
    STEERING_MALFORMED,         // to the kernel, which will drop it: a header that cannot be
    STEERING_OUTCOMES,
};
