// SPDX-License-Identifier: BSD-3-Clause
// The XDP program: which packets of an interface go to the workers, which stay with the kernel.
// It only looks; the workers parse again and trust nothing from here. In doubt: the kernel.
//
//   client 198.51.100.7:4000 -> service 203.0.113.10:80      services has it        -> worker
//   client 198.51.100.7:4000 -> 203.0.113.77:443             marked has its prefix  -> worker
//   server 10.0.0.100:80     -> client 198.51.100.7:4000     servers has the source -> worker
//   server 10.0.0.100:80     -> director's own 10.0.0.1      locals has it: a health check's answer
//                                                                                   -> kernel
// When the daemon dies its sockets vanish from xsks_map and every packet goes to the kernel.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
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

ENDPOINT_SET(services, STEERING_MAX_SERVICES);
ENDPOINT_SET(servers, STEERING_MAX_SERVERS);
ENDPOINT_SET(locals, STEERING_MAX_LOCALS);

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, STEERING_MAX_MARKED);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct steering_marked_key);
    __type(value, struct steering_marked_ports);
} marked SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, STEERING_OUTCOMES);
    __type(key, __u32);
    __type(value, __u64);
} outcomes SEC(".maps");

#define IPV4_OFFSET_MASK 0x1fff  // the offset of a fragment, RFC 791
#define IPV6_OFFSET_MASK 0xfff8  // RFC 8200 section 4.5
#define MAX_EXTENSION_HEADERS 6
#define NEXT_AUTHENTICATION 51
#define NEXT_DESTINATION 60

struct view {
    struct steering_endpoint source;
    struct steering_endpoint destination;
    void* payload;  // behind the IP headers
    bool has_ports;
    bool later_fragment;  // not the first of its packet
};

// A quoted packet (in an ICMP error) is cut short: its length field says what it once was.
enum wholeness { WHOLE, QUOTED };

static __always_inline bool fill_transport(struct view* v, void* end, __u8 protocol) {
    v->source.protocol = v->destination.protocol = protocol;
    if (v->later_fragment) return true;
    if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_SCTP) return true;
    __be16* ports = v->payload;
    if ((void*)(ports + 2) > end) return false;
    v->source.port = ports[0];
    v->destination.port = ports[1];
    v->has_ports = true;
    return true;
}

static __always_inline bool view_ipv4(struct view* v, void* at, void* end, enum wholeness whole) {
    struct iphdr* ip = at;
    if ((void*)(ip + 1) > end) return false;
    __u32 header = ip->ihl * 4;
    __u32 length = bpf_ntohs(ip->tot_len);
    if (ip->version != 4 || header < sizeof(*ip) || length < header) return false;
    if (whole == WHOLE && length > (__u64)(end - at)) return false;
    v->source.kind = v->destination.kind = STEERING_IPV4;
    v->source.address[0] = ip->saddr;
    v->destination.address[0] = ip->daddr;
    v->later_fragment = ip->frag_off & bpf_htons(IPV4_OFFSET_MASK);
    v->payload = at + header;
    return fill_transport(v, end, ip->protocol);
}

static __always_inline bool view_ipv6(struct view* v, void* at, void* end, enum wholeness whole) {
    struct ipv6hdr* ip = at;
    if ((void*)(ip + 1) > end || ip->version != 6) return false;
    if (whole == WHOLE && bpf_ntohs(ip->payload_len) > (__u64)(end - (void*)(ip + 1))) return false;
    v->source.kind = v->destination.kind = STEERING_IPV6;
    __builtin_memcpy(v->source.address, &ip->saddr, 16);
    __builtin_memcpy(v->destination.address, &ip->daddr, 16);
    __u8 next = ip->nexthdr;
    void* pos = ip + 1;
#pragma unroll
    for (int i = 0; i < MAX_EXTENSION_HEADERS; ++i) {
        if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != NEXT_DESTINATION &&
            next != IPPROTO_FRAGMENT && next != NEXT_AUTHENTICATION)
            break;
        __u8* extension = pos;
        if ((void*)(extension + 8) > end) return false;
        __u32 size = 8;
        if (next == NEXT_AUTHENTICATION) size = (extension[1] + 2) * 4;  // RFC 4302 section 2.2
        if (next == IPPROTO_FRAGMENT) {
            if (*(__be16*)(extension + 2) & bpf_htons(IPV6_OFFSET_MASK)) v->later_fragment = true;
        } else if (next != NEXT_AUTHENTICATION) {
            size = (extension[1] + 1) * 8;
        }
        next = extension[0];
        pos += size;
        if (v->later_fragment) break;  // behind it lies the middle of something
    }
    v->payload = pos;
    return fill_transport(v, end, next);
}

static __always_inline bool view_packet(struct view* v, __u8 kind, void* at, void* end,
                                        enum wholeness whole) {
    __builtin_memset(v, 0, sizeof(*v));
    return kind == STEERING_IPV4 ? view_ipv4(v, at, end, whole) : view_ipv6(v, at, end, whole);
}

static __always_inline bool has_endpoint(void* set, const struct steering_endpoint* endpoint) {
    if (bpf_map_lookup_elem(set, endpoint)) return true;
    struct steering_endpoint every_port = *endpoint;
    every_port.port = 0;
    return bpf_map_lookup_elem(set, &every_port);
}

// The box's own addresses are not meant by a rule that names no destination.
enum whose { ANYBODYS, OUR_OWN };

static __always_inline bool may_be_marked(const struct steering_endpoint* endpoint,
                                          enum whose address) {
    struct steering_marked_key key = {
        .prefix_length = STEERING_MARKED_FIXED_BITS + (endpoint->kind == STEERING_IPV4 ? 32 : 128),
        .kind = endpoint->kind,
        .protocol = endpoint->protocol,
    };
    __builtin_memcpy(key.address, endpoint->address, sizeof(key.address));
    struct steering_marked_ports* ports = bpf_map_lookup_elem(&marked, &key);
    if (!ports) return false;
    __u16 port = bpf_ntohs(endpoint->port);
    if (port < ports->first || port > ports->last) return false;
    return address == ANYBODYS || !ports->any;
}

static __always_inline bool is_local(const struct steering_endpoint* endpoint) {
    struct steering_endpoint key = *endpoint;
    key.port = 0;
    key.protocol = 0;
    return bpf_map_lookup_elem(&locals, &key);
}

static __always_inline bool is_icmp_error(const struct view* v, void* end) {
    __u8* icmp = v->payload;
    if (v->later_fragment || (void*)(icmp + 8) > end) return false;
    __u8 type = icmp[0];
    if (v->source.kind == STEERING_IPV4)  // unreachable, quench, time exceeded, parameter problem
        return v->source.protocol == IPPROTO_ICMP &&
               (type == 3 || type == 4 || type == 11 || type == 12);
    return v->source.protocol == IPPROTO_ICMPV6 && type >= 1 && type <= 4;
}

static __always_inline bool same_address(const struct steering_endpoint* a,
                                         const struct steering_endpoint* b) {
    return a->address[0] == b->address[0] && a->address[1] == b->address[1] &&
           a->address[2] == b->address[2] && a->address[3] == b->address[3];
}

static __always_inline enum steering_outcome steer_icmp_error(const struct view* v, void* end) {
    struct view quoted;
    bool readable =
        view_packet(&quoted, v->source.kind, v->payload + 8, end, QUOTED) && quoted.has_ports;
    if (readable && same_address(&quoted.source, &v->destination) &&
        (has_endpoint(&services, &quoted.source) || may_be_marked(&quoted.source, OUR_OWN)))
        return STEERING_ICMP_TO_SERVICE;
    if (is_local(&v->destination)) return STEERING_LOCAL;
    if (readable && has_endpoint(&servers, &quoted.destination)) return STEERING_ICMP_FROM_SERVER;
    return STEERING_OTHER;
}

// On a bridge or in promiscuous mode, frames for other machines are seen, too: not ours.
static __always_inline bool is_our_mac(const __u8* mac) {
    struct steering_endpoint key = {.kind = STEERING_MAC};
    __builtin_memcpy(key.address, mac, ETH_ALEN);
    return bpf_map_lookup_elem(&locals, &key);
}

static __always_inline enum steering_outcome steer(void* data, void* end) {
    struct ethhdr* ethernet = data;
    if ((void*)(ethernet + 1) > end) return STEERING_MALFORMED;
    if (ethernet->h_dest[0] & 1) return STEERING_OTHER;  // broadcast and multicast are the kernel's
    __u8 kind;
    if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
        kind = STEERING_IPV4;
    } else if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) {
        kind = STEERING_IPV6;
    } else {
        return STEERING_OTHER;  // ARP, VLAN tags, ...
    }
    if (!is_our_mac(ethernet->h_dest)) return STEERING_OTHER;
    struct view v;
    if (!view_packet(&v, kind, ethernet + 1, end, WHOLE)) return STEERING_MALFORMED;
    // Without ports nobody knows whose it is; the worker drops the first fragment, which has them.
    if (v.later_fragment) return is_local(&v.destination) ? STEERING_LOCAL : STEERING_OTHER;
    if (is_icmp_error(&v, end)) return steer_icmp_error(&v, end);
    if (v.has_ports && has_endpoint(&services, &v.destination)) return STEERING_TO_SERVICE;
    bool local = is_local(&v.destination);
    if (!local && v.has_ports && has_endpoint(&servers, &v.source)) return STEERING_FROM_SERVER;
    if (v.has_ports && may_be_marked(&v.destination, local ? OUR_OWN : ANYBODYS))
        return STEERING_TO_SERVICE;
    return local ? STEERING_LOCAL : STEERING_OTHER;
}

SEC("xdp")
int usher_steer(struct xdp_md* context) {
    void* data = (void*)(long)context->data;
    void* end = (void*)(long)context->data_end;
    __u32 outcome = steer(data, end);
    int action = XDP_PASS;
    if (outcome < STEERING_NO_WORKER) {
        action = bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
        if (action == XDP_PASS) outcome = STEERING_NO_WORKER;
    }
    __u64* count = bpf_map_lookup_elem(&outcomes, &outcome);
    if (count) ++*count;
    return action;
}

char program_license[] SEC("license") = "BSD";
