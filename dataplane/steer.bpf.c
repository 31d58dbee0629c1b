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
//   host   10.0.0.55         -> peer 192.0.2.1, GRE          likewise, but no masquerading's (TCP,
//                                                            UDP, ping)             -> as policy
//                                                            says
//   resolver 192.0.2.53:53   -> director 203.0.113.2:61007   outside has the address, and the port
//                                                            is masquerading's      -> worker
//   anything else that is not for the box                    as policy says
// A frame with a VLAN's tag is looked at like others when that VLAN is a port of ours; else it is
// the kernel's, as is one without a tag where the untagged port is not ours. Later fragments have
// no ports: the first one's way is kept for them, if it is not the one that their addresses say
// anyway. When the daemon dies its sockets vanish from xsks_map and every packet goes to the
// kernel.
#include "dataplane/steer_ftp.h"
#include "dataplane/steer_lookup.h"

enum way { TO_KERNEL, TO_WORKER };

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

// What masquerading may do with a protocol: it has a pool of outside ports, or of query ids.
static __always_inline bool has_pool(__u8 protocol) {
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMP ||
           protocol == IPPROTO_ICMPV6;
}

// From inside to the outside. An echo reply answers somebody whom no masqueraded host has asked:
// replies to those come the other way. Of TCP only the worker knows what is of no connection.
static __always_inline bool is_to_masquerade(const struct view* v, const struct frame* frame) {
    __u8 protocol = v->source.protocol;
    if (!has_pool(protocol) || !goes_outside(v)) return false;
    if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) return true;
    __u8* icmp = bytes_at(frame, v->payload, 1);
    return icmp && icmp[0] == (v->source.kind == STEERING_IPV4 ? 8 : 128);
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
    bool local = is_local(&v->destination);
    if (named && same_address(&quote->source, &v->destination)) {
        if (quote->has_ports &&
            (has_endpoint(&services, &quote->source) ||
             may_be_marked(&quote->source, local ? OUR_OWN : ANYBODYS, BY_PORT)))
            return STEERING_ICMP_TO_SERVICE;
        if (is_ftp_data_of_service(frame, &quote->source, &quote->destination))
            return STEERING_ICMP_TO_SERVICE;
        if (is_masqueraded(quote, &quote->source)) return STEERING_MASQUERADED;
    }
    if (local) return STEERING_LOCAL;
    if (named && quote->has_ports && has_endpoint(&servers, &quote->destination))
        return STEERING_ICMP_FROM_SERVER;
    if (named && is_ftp_data(&quote->destination, &quote->source)) return STEERING_ICMP_FROM_SERVER;
    if (readable && has_pool(quote->source.protocol) &&
        (goes_outside(v) || is_inside(&quote->destination)))
        return STEERING_MASQUERADE;
    return nobodys(v);
}

static __always_inline enum steering_outcome steer_whole(struct views* views,
                                                         const struct frame* frame) {
    const struct view* v = &views->packet;
    if (is_discovery(v, frame)) return is_local(&v->destination) ? STEERING_LOCAL : STEERING_OTHER;
    if (is_icmp_error(v, frame)) return steer_icmp_error(v, &views->quoted, frame);
    if (v->has_ports && has_endpoint(&services, &v->destination)) {
        note_ftp(&services, &v->destination, &v->source);
        return STEERING_TO_SERVICE;
    }
    if (is_ftp_data_of_service(frame, &v->destination, &v->source)) return STEERING_TO_SERVICE;
    if (is_masqueraded(v, &v->destination)) return STEERING_MASQUERADED;
    bool local = is_local(&v->destination);
    if (!local && v->has_ports && has_endpoint(&servers, &v->source)) {
        note_ftp(&servers, &v->source, &v->destination);
        return STEERING_FROM_SERVER;
    }
    if (!local && is_ftp_data(&v->source, &v->destination)) return STEERING_FROM_SERVER;
    if (v->has_ports && may_be_marked(&v->destination, local ? OUR_OWN : ANYBODYS, BY_PORT)) {
        note_marked_ftp(&v->destination, &v->source);
        return STEERING_TO_SERVICE;
    }
    if (local) return STEERING_LOCAL;
    return is_to_masquerade(v, frame) ? STEERING_MASQUERADE : nobodys(v);
}

// Where a later fragment goes when nothing is known but its addresses and protocol.
static __always_inline enum steering_outcome steer_by_address(const struct view* v) {
    bool pool = has_pool(v->destination.protocol);
    if (has_some_port(&services, &v->destination)) return STEERING_FRAGMENT;
    if (pool && outside_ports(&v->destination)) return STEERING_FRAGMENT;
    bool local = is_local(&v->destination);
    if (may_be_marked(&v->destination, local ? OUR_OWN : ANYBODYS, BY_ADDRESS))
        return STEERING_FRAGMENT;
    if (local) return STEERING_LOCAL;
    if (has_some_port(&servers, &v->source)) return STEERING_FRAGMENT;
    if (pool && goes_outside(v)) return STEERING_FRAGMENT;
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

static __always_inline bool takes_untagged(void) {
    __u32 first = 0;
    __u32* bits = bpf_map_lookup_elem(&policy, &first);
    return bits && !(*bits & STEERING_LEAVE_UNTAGGED);
}

// A tag of VLAN 0 is a priority and nothing else.
static __always_inline bool takes_tag(__u32 id) {
    if (id == 0) return takes_untagged();
    __u8* ours = bpf_map_lookup_elem(&vlans, &id);
    return ours && *ours;
}

// The VLAN tag of a frame that has one: where the IP header begins behind it. 0: not for us.
static __always_inline __u32 behind_tag(const struct frame* frame, __be16* type) {
    struct vlan_tag* tag = bytes_at(frame, ETH_HLEN, sizeof(*tag));
    if (!tag || !takes_tag(bpf_ntohs(tag->control) & VLAN_ID_MASK)) return 0;
    *type = tag->type;
    return ETH_HLEN + sizeof(*tag);
}

static __always_inline enum steering_outcome steer(const struct frame* frame) {
    struct ethhdr* ethernet = frame->data;
    if ((void*)(ethernet + 1) > frame->end) return STEERING_MALFORMED;
    if (ethernet->h_dest[0] & 1) return STEERING_OTHER;  // broadcast and multicast are the kernel's
    __u32 first = 0;
    struct views* views = bpf_map_lookup_elem(&scratch, &first);
    if (!views) return STEERING_OTHER;
    __be16 type = ethernet->h_proto;
    if (type == bpf_htons(ETH_P_8021Q))
        views->start = behind_tag(frame, &type);
    else
        views->start = takes_untagged() ? ETH_HLEN : 0;
    if (views->start == 0) return STEERING_OTHER;
    __u8 kind;
    if (type == bpf_htons(ETH_P_IP)) {
        kind = STEERING_IPV4;
    } else if (type == bpf_htons(ETH_P_IPV6)) {
        kind = STEERING_IPV6;
    } else {
        return STEERING_OTHER;  // ARP, a second tag, ...
    }
    if (!is_our_mac(ethernet->h_dest)) return STEERING_OTHER;
    void* ip = bytes_at(frame, views->start, 0);
    if (!ip) return STEERING_MALFORMED;
    struct view* v = &views->packet;
    if (!view_packet(v, kind, ip, frame, WHOLE)) return STEERING_MALFORMED;
    if (v->later_fragment) return steer_later_fragment(v);
    enum steering_outcome outcome = steer_whole(views, frame);
    if (v->fragment) lead_fragments(v, outcome);
    return outcome;
}

SEC("xdp")
int usher_steer(struct xdp_md* context) {
    struct frame frame = {(void*)(long)context->data, (void*)(long)context->data_end, context};
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
