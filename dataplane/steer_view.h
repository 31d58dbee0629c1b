// SPDX-License-Identifier: BSD-3-Clause
// The XDP program's reading of a packet: whose it is, by addresses, protocol and ports.
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "dataplane/steering_layout.h"

#define IPV4_OFFSET_MASK 0x1fff  // the offset of a fragment, RFC 791
#define IPV4_MORE 0x2000
#define IPV6_OFFSET_MASK 0xfff8  // RFC 8200 section 4.5
#define MAX_EXTENSION_HEADERS 6
#define NEXT_AUTHENTICATION 51
#define NEXT_DESTINATION 60
#define DHCP_CLIENT 68
#define VLAN_ID_MASK 0x0fff  // IEEE 802.1Q: the rest is priority and drop eligibility

struct vlan_tag {  // behind the type ETH_P_8021Q
    __be16 control;
    __be16 type;  // of what is tagged
};

struct view {
    struct steering_endpoint source;
    struct steering_endpoint destination;
    __u32 payload;  // where it begins behind the IP headers, in bytes of the frame
    bool has_ports;
    bool has_query;       // an ICMP echo's id is in query_id: of an answer, or of a quoted request
    bool fragment;        // there are others of its packet
    bool later_fragment;  // it is not the first one
    __be16 query_id;
    __u32 fragment_id;
};

// Where the views lie: what the verifier does not follow, it need not tell apart, so that the ways
// through the extension headers are one again behind them.
struct views {
    struct view packet;
    struct view quoted;
    __u32 start;  // of the IP header
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct views);
} scratch SEC(".maps");

struct frame {
    void* data;
    void* end;
    struct xdp_md* context;
};

#define LONGEST_HEADERS 2047

// The first `size` bytes at an offset of the frame; 0: it does not have them.
static __always_inline void* bytes_at(const struct frame* frame, __u32 offset, __u32 size) {
    asm volatile("" : "+r"(offset));  // or the compiler leaves out a check that the verifier needs
    if (offset > LONGEST_HEADERS) return 0;
    void* at = frame->data + offset;
    return at + size > frame->end ? 0 : at;
}

// A quoted packet (in an ICMP error) is cut short: its length field says what it once was.
enum wholeness { WHOLE, QUOTED };

static __always_inline void fill_query(struct view* v, void* at, void* end, enum wholeness whole) {
    __u8* icmp = at;
    if ((void*)(icmp + 8) > end) return;
    __u8 of_interest = v->source.protocol == IPPROTO_ICMP ? (whole == WHOLE ? 0 : 8)
                                                          : (whole == WHOLE ? 129 : 128);
    if (icmp[0] != of_interest) return;
    v->query_id = *(__be16*)(icmp + 4);
    v->has_query = true;
}

static __always_inline bool fill_transport(struct view* v, void* at, const struct frame* frame,
                                           __u8 protocol, enum wholeness whole) {
    v->payload = at - frame->data;
    v->source.protocol = v->destination.protocol = protocol;
    if (v->later_fragment) return true;
    if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
        fill_query(v, at, frame->end, whole);
    if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_SCTP) return true;
    __be16* ports = at;
    if ((void*)(ports + 2) > frame->end) return false;
    v->source.port = ports[0];
    v->destination.port = ports[1];
    v->has_ports = true;
    return true;
}

static __always_inline bool view_ipv4(struct view* v, void* at, const struct frame* frame,
                                      enum wholeness whole) {
    void* end = frame->end;
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
    v->fragment = ip->frag_off & bpf_htons(IPV4_OFFSET_MASK | IPV4_MORE);
    v->fragment_id = ip->id;
    return fill_transport(v, at + header, frame, ip->protocol, whole);
}

static __always_inline bool view_ipv6(struct view* v, void* at, const struct frame* frame,
                                      enum wholeness whole) {
    void* end = frame->end;
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
            v->fragment = true;
            __builtin_memcpy(&v->fragment_id, extension + 4, 4);
        } else if (next != NEXT_AUTHENTICATION) {
            size = (extension[1] + 1) * 8;
        }
        next = extension[0];
        pos += size;
        if (v->later_fragment) break;  // behind it lies the middle of something
    }
    return fill_transport(v, pos, frame, next, whole);
}

static __always_inline bool view_packet(struct view* v, __u8 kind, void* at,
                                        const struct frame* frame, enum wholeness whole) {
    __builtin_memset(v, 0, sizeof(*v));
    return kind == STEERING_IPV4 ? view_ipv4(v, at, frame, whole) : view_ipv6(v, at, frame, whole);
}
