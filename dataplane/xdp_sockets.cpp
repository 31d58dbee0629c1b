// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/xdp_sockets.hpp"

#include <linux/if_xdp.h>
#include <rte_mbuf.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace usher {

namespace {

// One of a socket's rings, where the driver has mapped it: it does not say where, the kernel does.
struct Mapping {
    std::uint64_t begin = 0, end = 0, offset = 0;
};

std::vector<Mapping> mappings_of(int socket) {
    struct stat what {};
    if (fstat(socket, &what) != 0) return {};
    std::vector<Mapping> found;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        Mapping each;
        unsigned long inode = 0;
        if (line.find("socket:[") == std::string::npos ||
            std::sscanf(line.c_str(), "%lx-%lx %*s %lx %*s %lu", &each.begin, &each.end,
                        &each.offset, &inode) != 4)
            continue;
        if (inode == what.st_ino) found.push_back(each);
    }
    return found;
}

// The whole buffer that an address of a ring lies in. The memory that the driver gives the kernel
// begins at the page where the pool's does; an address's upper bits are an offset in the buffer.
rte_mbuf* packet_at(std::uint64_t address, rte_mempool* pool) {
    const rte_mempool_memhdr* memory = STAILQ_FIRST(&pool->mem_list);
    const auto begin = reinterpret_cast<std::uintptr_t>(memory->addr);
    const std::uintptr_t page = begin & ~(static_cast<std::uintptr_t>(getpagesize()) - 1);
    const std::uintptr_t at = page + (address & XSK_UNALIGNED_BUF_ADDR_MASK) + pool->header_size;
    if (at < begin || at + pool->elt_size > begin + memory->len) return nullptr;
    return reinterpret_cast<rte_mbuf*>(at);  // NOLINT(performance-no-int-to-ptr)
}

// Entries between the consumer and the producer: neither side will look at them again.
template <class Entry, class Address>
unsigned empty_ring(const Mapping& mapping, const xdp_ring_offset& offsets, rte_mempool* pool,
                    Address address) {
    auto* base = reinterpret_cast<char*>(mapping.begin);  // NOLINT(performance-no-int-to-ptr)
    const auto index = [&](std::uint64_t offset) {
        return __atomic_load_n(reinterpret_cast<std::uint32_t*>(base + offset), __ATOMIC_ACQUIRE);
    };
    const auto* entries = reinterpret_cast<const Entry*>(base + offsets.desc);
    // A power of two, rounded up to pages together with what is before it.
    std::uint32_t size = 1;
    while (offsets.desc + 2ULL * size * sizeof(Entry) <= mapping.end - mapping.begin)
        size *= 2;
    const std::uint32_t last = index(offsets.producer);
    unsigned count = 0;
    for (std::uint32_t i = index(offsets.consumer); i != last && count < size; ++i) {
        rte_mbuf* packet = packet_at(address(entries[i % size]), pool);
        if (packet == nullptr) continue;
        rte_pktmbuf_free(packet);
        ++count;
    }
    return count;
}

}  // namespace

std::vector<int> xdp_sockets() {
    namespace fs = std::filesystem;
    std::vector<int> found;
    std::error_code gone;
    for (fs::directory_iterator entry("/proc/self/fd", gone), last; !gone && entry != last;
         entry.increment(gone)) {
        const int descriptor = std::atoi(entry->path().filename().c_str());
        int domain = 0;
        socklen_t size = sizeof domain;
        if (getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_XDP)
            found.push_back(descriptor);
    }
    std::sort(found.begin(), found.end());
    return found;
}

std::vector<int> opened_since(const std::vector<int>& before, const std::vector<int>& after) {
    std::vector<int> fresh;
    std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                        std::back_inserter(fresh));
    return fresh;
}

// Asks the kernel to send what there is, which a worker does all the time.
bool is_bound(int socket) {
    return send(socket, nullptr, 0, MSG_DONTWAIT) >= 0 || errno != ENXIO;
}

unsigned take_back_packets(int socket, rte_mempool* pool) {
    xdp_mmap_offsets offsets{};
    socklen_t size = sizeof offsets;
    if (getsockopt(socket, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) != 0) return 0;
    const auto of_frame = [](std::uint64_t address) { return address; };
    const auto of_packet = [](const xdp_desc& packet) { return packet.addr; };
    unsigned count = 0;
    for (const Mapping& ring : mappings_of(socket)) {
        if (ring.offset == XDP_PGOFF_RX_RING)
            count += empty_ring<xdp_desc>(ring, offsets.rx, pool, of_packet);
        else if (ring.offset == XDP_PGOFF_TX_RING)
            count += empty_ring<xdp_desc>(ring, offsets.tx, pool, of_packet);
        else if (ring.offset == XDP_UMEM_PGOFF_FILL_RING)
            count += empty_ring<std::uint64_t>(ring, offsets.fr, pool, of_frame);
        else if (ring.offset == XDP_UMEM_PGOFF_COMPLETION_RING)
            count += empty_ring<std::uint64_t>(ring, offsets.cr, pool, of_frame);
    }
    return count;
}

void let_go(int socket) {
    for (const Mapping& ring : mappings_of(socket))
        munmap(reinterpret_cast<void*>(ring.begin),  // NOLINT(performance-no-int-to-ptr)
               ring.end - ring.begin);
    close(socket);
}

bool is_zero_copy(int socket) {
    xdp_options options{};
    socklen_t size = sizeof options;
    return getsockopt(socket, SOL_XDP, XDP_OPTIONS, &options, &size) == 0 &&
           (options.flags & XDP_OPTIONS_ZEROCOPY) != 0;
}

}  // namespace usher
