// SPDX-License-Identifier: BSD-3-Clause
// What the XDP program (C, in the kernel) and its feeder (C++) agree on: keys, names, counters.
#pragma once

#include <linux/types.h>

// One entry of `services`, `servers` or `locals`. Address and port are in network order; an IPv4
// address is in the first word and the rest is zero.
struct steering_endpoint {
    __u32 address[4];
    __u16 port;     // 0: every port; of a local address: always 0
    __u8 protocol;  // of a local address: 0
    __u8 kind;      // STEERING_IPV4, STEERING_IPV6, or STEERING_MAC with the address's 6 bytes
};

// Destinations that a rule may give a firewall mark: a prefix, and the ports between which all
// those of its rules lie (host order). The longest prefix that has the address counts; it stands
// for the shorter ones that contain it, too.
struct steering_marked_key {
    __u32 prefix_length;  // STEERING_MARKED_FIXED_BITS, and those of the address
    __u8 kind;
    __u8 protocol;
    __u16 zero;
    __u32 address[4];
};
struct steering_marked_ports {
    __u16 first;
    __u16 last;
    __u32 any;  // 1: only of rules that name no destination
};
#define STEERING_MARKED_FIXED_BITS 32

#define STEERING_IPV4 4
#define STEERING_IPV6 6
#define STEERING_MAC 2  // in `locals`: a MAC address of the box

#define STEERING_PROGRAM "usher_steer"
#define STEERING_QUEUES 64
#define STEERING_MAX_SERVICES 65536
#define STEERING_MAX_SERVERS 262144
#define STEERING_MAX_LOCALS 16384
#define STEERING_MAX_MARKED 16384

enum steering_outcome {
    STEERING_TO_SERVICE,        // to a worker: towards a virtual service
    STEERING_FROM_SERVER,       // to a worker: a real server's answer
    STEERING_ICMP_TO_SERVICE,   // to a worker: an ICMP error about a packet the service sent
    STEERING_ICMP_FROM_SERVER,  // to a worker: an ICMP error about a packet to a real server
    STEERING_NO_WORKER,         // would be one of the above, but nobody reads this queue: kernel
    STEERING_LOCAL,             // to the kernel: for the box itself
    STEERING_OTHER,             // to the kernel: nothing of ours
    STEERING_MALFORMED,         // to the kernel, which will drop it: a header that cannot be
    STEERING_OUTCOMES,
};
