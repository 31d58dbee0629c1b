// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <sys/mman.h>

#include "dataplane/eal.hpp"

namespace usher {

namespace {

constexpr unsigned kCache = 256;
constexpr std::size_t kHugepage = 2 * 1024 * 1024;
constexpr unsigned kPageShift = 12;

// mbufs ask for private areas in multiples of RTE_MBUF_PRIV_ALIGN.
std::uint16_t aligned_private(unsigned bytes) {
    return static_cast<std::uint16_t>((bytes + RTE_MBUF_PRIV_ALIGN - 1) / RTE_MBUF_PRIV_ALIGN *
                                      RTE_MBUF_PRIV_ALIGN);
}

void unmap(rte_mempool_memhdr* chunk, void*) {
    munmap(chunk->addr, chunk->len);
}

// Memory of our own for all packets of an empty pool, in transparent hugepages where the kernel
// gives them: DPDK's without hugetlbfs is in pages of 4 KiB, and a packet then costs TLB misses.
bool populate(rte_mempool* pool, PacketLayout layout) {
    std::size_t least = 0, alignment = 0;
    const ssize_t wanted = rte_mempool_op_calc_mem_size_default(
        pool, pool->size, layout == PacketLayout::dense ? 0 : kPageShift, &least, &alignment);
    if (wanted <= 0) return false;
    const std::size_t bytes =
        (static_cast<std::size_t>(wanted) + kHugepage - 1) / kHugepage * kHugepage;
    void* memory = mmap(nullptr, bytes + kHugepage, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return false;
    auto* begin = static_cast<char*>(memory);
    const std::size_t before = -reinterpret_cast<std::uintptr_t>(begin) % kHugepage;
    if (before > 0) munmap(begin, before);
    if (before < kHugepage) munmap(begin + before + bytes, kHugepage - before);
    begin += before;
    madvise(begin, bytes, MADV_HUGEPAGE);  // only advice: a refusal costs speed, no more
    // A device address is a virtual address here (--iova-mode=va).
    const int placed = rte_mempool_populate_iova(
        pool, begin, reinterpret_cast<std::uintptr_t>(begin), bytes, unmap, nullptr);
    if (placed <= 0) munmap(begin, bytes);
    return placed == static_cast<int>(pool->size);
}

rte_mempool* make_without_hugetlbfs(const std::string& name, unsigned packets, std::uint16_t extra,
                                    int socket, PacketLayout layout) {
    rte_pktmbuf_pool_private sizes{};
    sizes.mbuf_data_room_size = RTE_MBUF_DEFAULT_BUF_SIZE;
    sizes.mbuf_priv_size = extra;
    auto size = static_cast<unsigned>(sizeof(rte_mbuf)) + extra + RTE_MBUF_DEFAULT_BUF_SIZE;
    const unsigned flags =
        layout == PacketLayout::dense ? RTE_MEMPOOL_F_NO_IOVA_CONTIG : RTE_MEMPOOL_F_NO_SPREAD;
    // The rest of its page is a packet's, too: the af_xdp driver takes the pool's memory to be as
    // long as its packets, and what lies beyond the kernel would silently take for nothing.
    if (layout == PacketLayout::own_page)
        size += (1U << kPageShift) - rte_mempool_calc_obj_size(size, flags, nullptr);
    rte_mempool* pool =
        rte_mempool_create_empty(name.c_str(), packets, size, kCache, sizeof sizes, socket, flags);
    if (pool == nullptr) return nullptr;
    rte_errno = ENOMEM;  // unless one of these knows better
    if (rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), nullptr) == 0) {
        rte_pktmbuf_pool_init(pool, &sizes);
        if (populate(pool, layout)) {
            rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
            return pool;
        }
    }
    rte_mempool_free(pool);
    return nullptr;
}

}  // namespace

Result<rte_mempool*> make_packet_pool(const std::string& name, unsigned packets,
                                      unsigned private_bytes, int socket, PacketLayout layout) {
    const std::uint16_t extra = aligned_private(private_bytes);
    rte_mempool* pool = rte_eal_has_hugepages() != 0
                            ? rte_pktmbuf_pool_create(name.c_str(), packets, kCache, extra,
                                                      RTE_MBUF_DEFAULT_BUF_SIZE, socket)
                            : make_without_hugetlbfs(name, packets, extra, socket, layout);
    if (pool == nullptr)
        return fail(Errc::no_space,
                    fmt::format("no memory for {} packet buffers: {}; have fewer, or more memory",
                                packets, rte_strerror(rte_errno)));
    if (pool->nb_mem_chunks == 1) return pool;
    rte_mempool_free(pool);
    return fail(Errc::no_space,
                fmt::format("memory for {} packet buffers is there but in pieces; reserve "
                            "hugepages earlier after boot, or have fewer buffers",
                            packets));
}

}  // namespace usher
