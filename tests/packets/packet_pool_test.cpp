// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>

#include "dataplane/eal.hpp"
#include "tools/in_process.hpp"

namespace usher {
namespace {

// DPDK's af_xdp driver takes it to be so. When it was not, the kernel swallowed the buffers in the
// far part of the pool, until an interface received nothing any more.
TEST(PacketPool, OfPagesIsAsLongAsItsPacketsOneAfterTheOther) {
    constexpr unsigned kPackets = 1000;
    process_pool();  // DPDK runs
    if (rte_eal_has_hugepages() != 0) GTEST_SKIP() << "packets do not have pages then";
    rte_mempool* pool = make_packet_pool("pages", kPackets, 0, -1, PacketLayout::own_page).value();
    const std::ptrdiff_t length = rte_mempool_calc_obj_size(pool->elt_size, pool->flags, nullptr);
    EXPECT_EQ(length, 4096);
    std::array<rte_mbuf*, kPackets> all;
    ASSERT_EQ(rte_pktmbuf_alloc_bulk(pool, all.data(), kPackets), 0);
    const auto [first, last] = std::minmax_element(all.begin(), all.end());
    EXPECT_EQ(reinterpret_cast<char*>(*last) - reinterpret_cast<char*>(*first),
              (std::ptrdiff_t{kPackets} - 1) * length);
    rte_pktmbuf_free_bulk(all.data(), kPackets);
    rte_mempool_free(pool);
}

}  // namespace
}  // namespace usher
