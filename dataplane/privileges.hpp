// SPDX-License-Identifier: BSD-3-Clause
// What usherd gives up. Capabilities belong to a thread, and a thread gets those of the one that
// starts it: so the process first cuts itself down to what starting needs, each worker gives up
// everything, and the control thread keeps what running needs.
#pragma once

#include "nat/result.hpp"

namespace usher {

// Before the first thread: devices, XDP programs, locked memory, the control socket's group, and
// files of any owner. What DPDK's own threads have.
Result<void> keep_privileges_to_start();

// The control thread, when everything is open: CAP_NET_ADMIN (neighbours, taking the XDP program
// off), CAP_BPF and CAP_PERFMON (its maps, and loading it onto an interface that is back),
// CAP_NET_RAW and CAP_IPC_LOCK (sockets there, and their memory), CAP_DAC_READ_SEARCH (reading the
// configuration again). No program that it could start would get more back.
Result<void> keep_privileges_to_run();

// A worker, before its first packet: none at all.
Result<void> give_up_all_privileges();

}  // namespace usher
