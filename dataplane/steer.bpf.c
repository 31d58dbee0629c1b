// SPDX-License-Identifier: BSD-3-Clause
// The XDP program: which packets of an interface go to the workers, which stay with the kernel.
// It only looks; the workers parse again and trust nothing from here. In doubt: the kernel.
//
//   client 198.51.100.7:4000 -> service 203.0.113.10:80      services has it        -> worker
//   client 198.51.100.7:4000 -> 203.0.113.77:443             marked has its prefix  -> worker
//   server 10.0.0.100:80     -> client 198.51.100.7:4000     servers has the source -> worker
//   server 10.0.0.100:80     -> director's own 10.0.0.1      locals has it: a health check's answer
//                                                                                   -> kernel
//   server 10.0.0.100:5353   -> resolver 192.0.2.53:53       inside has the source's prefix, and
//                                                            not the destination's  -> worker
//   resolver 192.0.2.53:53   -> director 203.0.113.2:61007   outside has the address, and the port
//                                                            is masquerading's      -> worker
//   anything else that is not for the box                    as policy says
// Later fragments have no ports: the first one's way is kept for them, if it is not the one that
// their addresses say anyway.
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
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} policy SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, STEERING_OUTCOMES);
    __type(key, __u32);
    __type(value, __u64);
} outcomes SEC(".maps");

#define IPV4_OFFSET_MASK 0x1fff  // the offset of a fragment, RFC 791
#define IPV4_MORE 0x2000
#define IPV6_OFFSET_MASK 0xfff8  // RFC 8200 section 4.5
#define MAX_EXTENSION_HEADERS 6
#define NEXT_AUTHENTICATION 51
#define NEXT_DESTINATION 60
#define DHCP_CLIENT 68

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
};

#define LONGEST_HEADERS 2047

// The first `size` bytes at an offset of the frame; 0: it does not have them.
static __always_inline void* bytes_at(const struct frame* frame, __u32 offset, __u32 size) {
    asm volatile("" : "+r"(offset));  // or the compiler leaves out a check that the verifier needs
    if (offset > LONGEST_HEADERS) return 0;
    void* at = frame->data + offset;
    return at + size > frame->end ? 0 : at;
}

enum way { TO_KERNEL, TO_WORKER };

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

// The box's own addresses are not meant by a rule that names no destination.
enum whose { ANYBODYS, OUR_OWN };

enum ports_known { BY_PORT, BY_ADDRESS };

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
    if (address == OUR_OWN && ports->any) return false;
    __u16 port = bpf_ntohs(endpoint->port);
    return known == BY_ADDRESS || (port >= ports->first && port <= ports->last);
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

// Router and neighbour discovery and multicast listeners (RFC 4861, RFC 3810).
static __always_inline bool is_discovery(const struct view* v, const struct frame* frame) {
    if (v->source.protocol != IPPROTO_ICMPV6) return false;
    __u8* icmp = bytes_at(frame, v->payload, 1);
    return icmp && ((icmp[0] >= 130 && icmp[0] <= 137) || icmp[0] == 143);
}

static __always_inline bool is_icmp_error(const struct view* v, const struct frame* frame) {
    __u8* icmp = bytes_at(frame, v->payload, 8);
    if (!icmp) return false;
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

static __always_inline enum steering_outcome steer_icmp_error(const struct view* v,
                                                              struct view* quote,
                                                              const struct frame* frame) {
    void* quoted_bytes = bytes_at(frame, v->payload + 8, 0);
    bool readable = quoted_bytes && view_packet(quote, v->source.kind, quoted_bytes, frame, QUOTED);
    bool named = readable && (quote->has_ports || quote->has_query);
    if (named && same_address(&quote->source, &v->destination)) {
        if (quote->has_ports && (has_endpoint(&services, &quote->source) ||
                                 may_be_marked(&quote->source, OUR_OWN, BY_PORT)))
            return STEERING_ICMP_TO_SERVICE;
        if (is_masqueraded(quote, &quote->source)) return STEERING_MASQUERADED;
    }
    if (is_local(&v->destination)) return STEERING_LOCAL;
    if (named && quote->has_ports && has_endpoint(&servers, &quote->destination))
        return STEERING_ICMP_FROM_SERVER;
    if (goes_outside(v) || (readable && is_inside(&quote->destination))) return STEERING_MASQUERADE;
    return nobodys(v);
}

static __always_inline enum steering_outcome steer_whole(struct views* views,
                                                         const struct frame* frame) {
    const struct view* v = &views->packet;
    if (is_discovery(v, frame)) return is_local(&v->destination) ? STEERING_LOCAL : STEERING_OTHER;
    if (is_icmp_error(v, frame)) return steer_icmp_error(v, &views->quoted, frame);
    if (v->has_ports && has_endpoint(&services, &v->destination)) return STEERING_TO_SERVICE;
    if (is_masqueraded(v, &v->destination)) return STEERING_MASQUERADED;
    bool local = is_local(&v->destination);
    if (!local && v->has_ports && has_endpoint(&servers, &v->source)) return STEERING_FROM_SERVER;
    if (v->has_ports && may_be_marked(&v->destination, local ? OUR_OWN : ANYBODYS, BY_PORT))
        return STEERING_TO_SERVICE;
    if (local) return STEERING_LOCAL;
    return goes_outside(v) ? STEERING_MASQUERADE : nobodys(v);
}

// Where a later fragment goes when nothing is known but its addresses and protocol.
static __always_inline enum steering_outcome steer_by_address(const struct view* v) {
    __u8 protocol = v->destination.protocol;
    bool has_pool = protocol == IPPROTO_TCP || protocol == IPPROTO_UDP ||
                    protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
    if (has_some_port(&services, &v->destination)) return STEERING_FRAGMENT;
    if (has_pool && outside_ports(&v->destination)) return STEERING_FRAGMENT;
    bool local = is_local(&v->destination);
    if (may_be_marked(&v->destination, local ? OUR_OWN : ANYBODYS, BY_ADDRESS))
        return STEERING_FRAGMENT;
    if (local) return STEERING_LOCAL;
    if (has_some_port(&servers, &v->source) || goes_outside(v)) return STEERING_FRAGMENT;
    return nobodys(v);
}

static __always_inline struct steering_fragments_key fragments_key(const struct view* v) {
    struct steering_fragments_key key = {
        .id = v->fragment_id,
        .protocol = v->source.protocol,
        .kind = v->source.kind,
    };
    __builtin_memcpy(key.source, v->source.address, sizeof(key.source));
    __builtin_memcpy(key.destination, v->destination.address, sizeof(key.destination));
    return key;
}

static __always_inline enum steering_outcome steer_later_fragment(const struct view* v) {
    enum steering_outcome usual = steer_by_address(v);
    struct steering_fragments_key key = fragments_key(v);
    __u8* way = bpf_map_lookup_elem(&fragmented, &key);
    if (!way) return usual;
    if (*way == TO_WORKER) return STEERING_FRAGMENT;
    return is_local(&v->destination) ? STEERING_LOCAL : STEERING_OTHER;
}

// A first fragment went this way: those that follow shall, too.
static __always_inline void lead_fragments(const struct view* v, enum steering_outcome outcome) {
    __u8 way = outcome < STEERING_NO_WORKER ? TO_WORKER : TO_KERNEL;
    __u8 usual = steer_by_address(v) < STEERING_NO_WORKER ? TO_WORKER : TO_KERNEL;
    struct steering_fragments_key key = fragments_key(v);
    if (way == usual)
        bpf_map_delete_elem(&fragmented, &key);  // an earlier datagram's with the same id
    else
        bpf_map_update_elem(&fragmented, &key, &way, BPF_ANY);
}

// On a bridge or in promiscuous mode, frames for other machines are seen, too: not ours.
static __always_inline bool is_our_mac(const __u8* mac) {
    struct steering_endpoint key = {.kind = STEERING_MAC};
    __builtin_memcpy(key.address, mac, ETH_ALEN);
    return bpf_map_lookup_elem(&locals, &key);
}

static __always_inline enum steering_outcome steer(const struct frame* frame) {
    struct ethhdr* ethernet = frame->data;
    if ((void*)(ethernet + 1) > frame->end) return STEERING_MALFORMED;
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
    __u32 first = 0;
    struct views* views = bpf_map_lookup_elem(&scratch, &first);
    if (!views) return STEERING_OTHER;
    struct view* v = &views->packet;
    if (!view_packet(v, kind, ethernet + 1, frame, WHOLE)) return STEERING_MALFORMED;
    if (v->later_fragment) return steer_later_fragment(v);
    enum steering_outcome outcome = steer_whole(views, frame);
    if (v->fragment) lead_fragments(v, outcome);
    return outcome;
}

SEC("xdp")
int usher_steer(struct xdp_md* context) {
    struct frame frame = {(void*)(long)context->data, (void*)(long)context->data_end};
    __u32 outcome = steer(&frame);
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
