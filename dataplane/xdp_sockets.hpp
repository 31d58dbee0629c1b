// SPDX-License-Identifier: BSD-3-Clause
// The AF_XDP sockets of this process. DPDK's driver opens one for each queue and tells nobody; they
// are found among our descriptors, and asked what DPDK does not say. Control thread.
#pragma once

#include <vector>

struct rte_mempool;

namespace usher {

// Their descriptors, lowest first; they stay the driver's.
std::vector<int> xdp_sockets();

// Those of `after` that are not in `before`, in order.
std::vector<int> opened_since(const std::vector<int>& before, const std::vector<int>& after);

// False when its interface was deleted, or moved to another network namespace: for good.
bool is_bound(int socket);

// Gives the packets that lie in its rings back to the pool: the driver forgets them when it closes
// a socket. Only when the socket is not bound any more, or copies and no XDP program and no worker
// uses it; and before the driver closes it. Returns how many.
unsigned take_back_packets(int socket, rte_mempool* pool);

// Closes a socket that the driver has forgotten, with its rings: while one is mapped, the kernel
// keeps the socket bound to its queue, and nobody else can have that. Not to be used afterwards.
void let_go(int socket);

// Packets go between the NIC and our memory without being copied. The socket must be bound.
bool is_zero_copy(int socket);

}  // namespace usher
