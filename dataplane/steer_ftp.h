// SPDX-License-Identifier: BSD-3-Clause
// FTP's data connections have ports that nobody has told this program. But who has one has a
// control connection first: the two ends of each are remembered, and between them the ports that
// data connections may have are the workers'. What the workers do not expect, they answer or drop.
//
// One packet with a forged source is enough to be remembered. So where the service's address is
// the box's own, too, the connections that the kernel has there stay the kernel's.
#pragma once

#include "dataplane/steer_lookup.h"
#include "dataplane/steer_maps.h"
#include "dataplane/steer_view.h"

#define FTP_CONTROL 21
#define FTP_FIRST_PORT 1024  // as nat/ftp_text.hpp: below there are no passive data ports

static __always_inline bool has_policy(__u32 bit) {
    __u32 first = 0;
    __u32* bits = bpf_map_lookup_elem(&policy, &first);
    return bits && (*bits & bit);
}

static __always_inline struct steering_ftp_key ftp_key(const struct steering_endpoint* here,
                                                       const struct steering_endpoint* client) {
    struct steering_ftp_key key = {.kind = here->kind};
    __builtin_memcpy(key.here, here->address, sizeof(key.here));
    __builtin_memcpy(key.client, client->address, sizeof(key.client));
    return key;
}

static __always_inline void remember_ftp(const struct steering_endpoint* here,
                                         const struct steering_endpoint* client) {
    struct steering_ftp_key key = ftp_key(here, client);
    if (bpf_map_lookup_elem(&ftp_talks, &key)) return;
    __u16 data_port = bpf_ntohs(here->port) - 1;
    bpf_map_update_elem(&ftp_talks, &key, &data_port, BPF_ANY);
}

// A packet to a service or from a server, `here`, whose port is in the set: if that is an FTP
// control port, both ends are remembered.
static __always_inline void note_ftp(void* set, const struct steering_endpoint* here,
                                     const struct steering_endpoint* client) {
    if (here->protocol != IPPROTO_TCP || !has_policy(STEERING_HAS_FTP)) return;
    struct steering_endpoint control = *here;
    control.kind |= STEERING_FTP;
    if (bpf_map_lookup_elem(set, &control)) remember_ftp(here, client);
}

// Likewise to a service that is named by a firewall mark, of whatever address.
static __always_inline void note_marked_ftp(const struct steering_endpoint* here,
                                            const struct steering_endpoint* client) {
    if (here->protocol == IPPROTO_TCP && here->port == bpf_htons(FTP_CONTROL) &&
        has_policy(STEERING_HAS_FTP))
        remember_ftp(here, client);
}

static __always_inline bool is_ftp_data(const struct steering_endpoint* here,
                                        const struct steering_endpoint* client) {
    if (here->protocol != IPPROTO_TCP || !has_policy(STEERING_HAS_FTP)) return false;
    struct steering_ftp_key key = ftp_key(here, client);
    __u16* data_port = bpf_map_lookup_elem(&ftp_talks, &key);
    if (!data_port) return false;
    __u16 port = bpf_ntohs(here->port);
    return port >= FTP_FIRST_PORT || port == *data_port;
}

// Of the box itself: a socket with these two ends, which may be about to open or to be forgotten.
static __always_inline bool has_connection(const struct frame* frame,
                                           const struct steering_endpoint* here,
                                           const struct steering_endpoint* client) {
    struct bpf_sock_tuple ends = {};
    __u32 size;
    if (here->kind == STEERING_IPV4) {
        ends.ipv4.saddr = client->address[0];
        ends.ipv4.daddr = here->address[0];
        ends.ipv4.sport = client->port;
        ends.ipv4.dport = here->port;
        size = sizeof(ends.ipv4);
    } else {
        __builtin_memcpy(ends.ipv6.saddr, client->address, sizeof(ends.ipv6.saddr));
        __builtin_memcpy(ends.ipv6.daddr, here->address, sizeof(ends.ipv6.daddr));
        ends.ipv6.sport = client->port;
        ends.ipv6.dport = here->port;
        size = sizeof(ends.ipv6);
    }
    struct bpf_sock* socket =
        bpf_skc_lookup_tcp(frame->context, &ends, size, BPF_F_CURRENT_NETNS, 0);
    if (!socket) return false;
    bool connected = socket->state != BPF_TCP_LISTEN;
    bpf_sk_release(socket);
    return connected;
}

// Likewise is_ftp_data(), of a service's address, which may be the box's own.
static __always_inline bool is_ftp_data_of_service(const struct frame* frame,
                                                   const struct steering_endpoint* here,
                                                   const struct steering_endpoint* client) {
    return is_ftp_data(here, client) && !(is_local(here) && has_connection(frame, here, client));
}
