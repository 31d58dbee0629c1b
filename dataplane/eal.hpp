// SPDX-License-Identifier: BSD-3-Clause
// DPDK's environment (EAL): started once by the main thread, before anything else of DPDK.
//
// Works with and without hugepages, without a config file, and leaves no file behind, even when
// the process is killed: with hugepages --in-memory, else --no-huge. Other processes cannot attach
// (no dumpcap). What DPDK, libbpf and libxdp want to say is not printed; the newest of it is kept,
// for error messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nat/result.hpp"

struct rte_mempool;

namespace usher {

struct EalConfig {
    unsigned main_core = 0;                // the CPU that the calling thread is pinned to
    std::vector<unsigned> worker_cores;    // CPUs; may name one twice, and main_core as well
    std::vector<std::string> pci_devices;  // that DPDK may take ("0000:03:00.0"), and no others
    unsigned packets = 0;  // in all the pools that make_packet_pool() will be asked for
    // What else will be allocated with rte_malloc and memzones. Reserved, not touched, where there
    // are no hugepages; where there are, taken from what is free when it is wanted.
    std::size_t other_bytes = 0;
};

struct Eal {
    std::vector<unsigned> worker_lcores;  // DPDK's numbers, in the order of worker_cores
    bool hugepages = false;
    std::size_t reserved_bytes = 0;
};

// May be called once in a process. Fails with a sentence: a core that does not exist or is not
// allowed to us, no memory, and else what DPDK said.
Result<Eal> start_eal(const EalConfig& config);

// What `packets` buffers and DPDK itself take in hugepages; with less, there are none.
std::size_t hugepage_bytes(unsigned packets);

// After the workers have returned and the ports are closed.
void stop_eal();

// Where mbufs lie when there are no hugepages. A NIC that is handed pages of 4 KiB (AF_XDP without
// copying) must find each mbuf within one; but mbufs that all begin pages fight for the same sets
// of the caches, so what only processors touch is packed densely.
enum class PacketLayout : std::uint8_t { own_page, dense };

// A pool of mbufs with RTE_MBUF_DEFAULT_DATAROOM bytes each, in one piece of memory (AF_XDP maps
// it as a whole). `socket`: a NUMA node or SOCKET_ID_ANY (-1). The pool lives until stop_eal().
Result<rte_mempool*> make_packet_pool(const std::string& name, unsigned packets,
                                      unsigned private_bytes, int socket,
                                      PacketLayout layout = PacketLayout::own_page);

}  // namespace usher
