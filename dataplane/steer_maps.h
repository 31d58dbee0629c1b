// SPDX-License-Identifier: BSD-3-Clause
// The XDP program's maps, which dataplane/steering.cpp fills.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/steering_layout.h"

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, STEERING_QUEUES);
    __type(key, __u32);
    __type(value, __u32);
} xsks_map SEC(".maps");  // DPDK's af_xdp driver looks for this name

#define ENDPOINT_SET(name, size)               \
    struct {                                   \
        __uint(type, BPF_MAP_TYPE_HASH);       \
        __uint(max_entries, size);             \
        __uint(map_flags, BPF_F_NO_PREALLOC);  \
        __type(key, struct steering_endpoint); \
        __type(value, __u8);                   \
    } name SEC(".maps")

ENDPOINT_SET(services, 2 * STEERING_MAX_SERVICES);
ENDPOINT_SET(servers, 2 * STEERING_MAX_SERVERS);
ENDPOINT_SET(locals, STEERING_MAX_LOCALS);

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, STEERING_MAX_MARKED);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct steering_marked_key);
    __type(value, struct steering_marked_ports);
} marked SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, STEERING_MAX_INSIDE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct steering_inside_key);
    __type(value, __u8);
} inside SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, STEERING_MAX_OUTSIDE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct steering_endpoint);
    __type(value, struct steering_outside_ports);
} outside SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, STEERING_FRAGMENTED);
    __type(key, struct steering_fragments_key);
    __type(value, __u8);  // enum way
} fragmented SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, STEERING_FTP_TALKS);
    __type(key, struct steering_ftp_key);
    __type(value, __u16);  // the data port below 1024 that it may have: the control port's less one
} ftp_talks SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} policy SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, STEERING_VLANS);
    __type(key, __u32);
    __type(value, __u8);  // 1: the workers have a port for this VLAN
} vlans SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, STEERING_OUTCOMES);
    __type(key, __u32);
    __type(value, __u64);
} outcomes SEC(".maps");
