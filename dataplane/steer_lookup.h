// SPDX-License-Identifier: BSD-3-Clause
// What the XDP program asks its maps about an address.
#pragma once

#include "dataplane/steer_maps.h"
#include "dataplane/steer_view.h"

static __always_inline bool has_endpoint(void* set, const struct steering_endpoint* endpoint) {
    if (bpf_map_lookup_elem(set, endpoint)) return true;
    struct steering_endpoint every_port = *endpoint;
    every_port.port = 0;
    return bpf_map_lookup_elem(set, &every_port);
}

static __always_inline bool has_some_port(void* set, const struct steering_endpoint* endpoint) {
    struct steering_endpoint some_port = *endpoint;
    some_port.port = 0;
    some_port.kind |= STEERING_SOME_PORT;
    return bpf_map_lookup_elem(set, &some_port);
}

// The box's own addresses are not meant by a rule that names no destination; and of them the box
// keeps the ports that no rule names.
enum whose { ANYBODYS, OUR_OWN };

enum ports_known { BY_PORT, BY_ADDRESS };

// Negative when the port is not between the ends. Without a branch, each of which would double the
// ways that the verifier follows.
static __always_inline __s32 outside_of(const struct steering_port_range* range, __s32 port) {
    return (port - range->first) | (range->last - port);
}

static __always_inline bool has_own_port(const struct steering_marked_ports* ports, __s32 port) {
    __s32 outside_all = -1;
#pragma unroll
    for (int i = 0; i < STEERING_OWN_RANGES; ++i)
        outside_all &= outside_of(&ports->own[i], port);
    return outside_all >= 0;
}

static __always_inline bool may_be_marked(const struct steering_endpoint* endpoint,
                                          enum whose address, enum ports_known known) {
    struct steering_marked_key key = {
        .prefix_length = STEERING_MARKED_FIXED_BITS + (endpoint->kind == STEERING_IPV4 ? 32 : 128),
        .kind = endpoint->kind,
        .protocol = endpoint->protocol,
    };
    __builtin_memcpy(key.address, endpoint->address, sizeof(key.address));
    struct steering_marked_ports* ports = bpf_map_lookup_elem(&marked, &key);
    if (!ports) return false;
    __u16 port = bpf_ntohs(endpoint->port);
    if (address == ANYBODYS) return known == BY_ADDRESS || outside_of(&ports->all, port) >= 0;
    bool some = ports->own[0].first <= ports->own[0].last;
    return known == BY_ADDRESS ? some : some && has_own_port(ports, port);
}

static __always_inline bool is_local(const struct steering_endpoint* endpoint) {
    struct steering_endpoint key = *endpoint;
    key.port = 0;
    key.protocol = 0;
    return bpf_map_lookup_elem(&locals, &key);
}

static __always_inline bool is_inside(const struct steering_endpoint* endpoint) {
    struct steering_inside_key key = {
        .prefix_length = STEERING_INSIDE_FIXED_BITS + (endpoint->kind == STEERING_IPV4 ? 32 : 128),
        .kind = endpoint->kind,
    };
    __builtin_memcpy(key.address, endpoint->address, sizeof(key.address));
    return bpf_map_lookup_elem(&inside, &key);
}

static __always_inline bool goes_outside(const struct view* v) {
    return is_inside(&v->source) && !is_inside(&v->destination);
}

static __always_inline struct steering_outside_ports* outside_ports(
    const struct steering_endpoint* endpoint) {
    struct steering_endpoint key = *endpoint;
    key.port = 0;
    key.protocol = 0;
    return bpf_map_lookup_elem(&outside, &key);
}

static __always_inline bool is_masqueraded(const struct view* v,
                                           const struct steering_endpoint* endpoint) {
    if (!v->has_query && endpoint->protocol != IPPROTO_TCP && endpoint->protocol != IPPROTO_UDP)
        return false;
    struct steering_outside_ports* ports = outside_ports(endpoint);
    if (!ports) return false;
    __u16 port = bpf_ntohs(v->has_query ? v->query_id : endpoint->port);
    if (v->has_query)
        return port >= ports->first_query && port <= ports->last_query &&
               (port & ports->query_bits) == ports->query_bits;
    return port >= ports->first && port <= ports->last;
}

// What no router forwards is nobody's but the kernel's; nor is an answer to a DHCP client, who does
// not have the address yet.
static __always_inline bool is_for_routers(const struct view* v) {
    if (v->source.kind == STEERING_IPV4) {
        __u32 to = bpf_ntohl(v->destination.address[0]);
        if (to == 0 || to >> 28 >= 14 || to >> 16 == 0xa9fe) return false;
        return !(v->destination.protocol == IPPROTO_UDP &&
                 v->destination.port == bpf_htons(DHCP_CLIENT));
    }
    __u32 from = bpf_ntohl(v->source.address[0]) >> 22;
    __u32 to = bpf_ntohl(v->destination.address[0]) >> 22;
    return to >> 2 != 0xff && to != 0x3fa && from != 0x3fa;  // ff00::/8, fe80::/10
}

// For none of the services, servers, masqueraded hosts or the box.
static __always_inline enum steering_outcome nobodys(const struct view* v) {
    __u32 first = 0;
    __u32* bits = bpf_map_lookup_elem(&policy, &first);
    if (!bits || !(*bits & STEERING_TAKE_OTHER) || !is_for_routers(v)) return STEERING_OTHER;
    return STEERING_NOBODYS;
}

// On a bridge or in promiscuous mode, frames for other machines are seen, too: not ours.
static __always_inline bool is_our_mac(const __u8* mac) {
    struct steering_endpoint key = {.kind = STEERING_MAC};
    __builtin_memcpy(key.address, mac, ETH_ALEN);
    return bpf_map_lookup_elem(&locals, &key);
}
