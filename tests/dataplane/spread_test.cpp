// SPDX-License-Identifier: BSD-3-Clause
// Sharing out packets among workers. DPDK's environment is started for the packets' pool.
#include "dataplane/spread.hpp"

#include <gtest/gtest.h>

#include <rte_mempool.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>
#include <vector>

#include "dataplane/eal.hpp"
#include "nat/headers.hpp"

namespace usher {
namespace {

using Frame = std::vector<std::uint8_t>;

constexpr std::uint8_t kTcp = 6, kIcmp = 1, kFragmentHeader = 44;

Frame ipv4(std::uint8_t protocol, std::uint16_t source_port, std::uint16_t fragment = 0,
           std::uint16_t id = 0) {
    Frame frame(14 + 20 + 20);
    store(&frame[12], Be16::from_host(kEtherTypeIpv4));
    std::uint8_t* ip = &frame[14];
    ip[0] = 0x45;
    store(ip + ipv4::kId, Be16::from_host(id));
    store(ip + ipv4::kFragment, Be16::from_host(fragment));
    ip[ipv4::kProtocol] = protocol;
    ip[ipv4::kSource] = 10;
    ip[ipv4::kDestination] = 192;
    store(ip + 20, Be16::from_host(source_port));
    store(ip + 22, Be16::from_host(80));
    return frame;
}

Frame ipv6(std::uint8_t next, std::uint32_t behind) {
    Frame frame(14 + 40 + 20);
    store(&frame[12], Be16::from_host(kEtherTypeIpv6));
    frame[14] = 0x60;
    frame[14 + ipv6::kNextHeader] = next;
    frame[14 + ipv6::kDestination] = 0x20;
    store(&frame[14 + ipv6::kHeader + (next == kFragmentHeader ? 4 : 0)], behind);
    return frame;
}

Frame tagged(const Frame& plain, int tags) {
    Frame frame = plain;
    const Frame tag = {0x81, 0x00, 0x00, 0x0a};
    for (int i = 0; i < tags; ++i)
        frame.insert(frame.begin() + 12, tag.begin(), tag.end());
    return frame;
}

TEST(SpreadHash, tells_flows_apart_and_packets_of_one_flow_not) {
    std::set<std::uint32_t> hashes;
    for (std::uint16_t port = 1000; port < 2000; ++port) {
        const auto hash = spread_hash(ipv4(kTcp, port));
        ASSERT_TRUE(hash);
        EXPECT_EQ(hash, spread_hash(ipv4(kTcp, port)));
        hashes.insert(*hash);
    }
    EXPECT_GT(hashes.size(), 990U);
}

TEST(SpreadHash, shares_out_evenly) {
    for (const unsigned workers : {2U, 3U, 7U}) {
        std::vector<int> shares(workers);
        for (std::uint16_t port = 1; port <= 7000; ++port)
            ++shares[std::uint64_t{*spread_hash(ipv4(kTcp, port))} * workers >> 32];
        for (const int share : shares)
            EXPECT_NEAR(share, 7000.0 / workers, 0.1 * 7000 / workers) << workers;
    }
}

// All but the first of a datagram have no ports: what lies where they would be must not count.
TEST(SpreadHash, fragments_of_a_datagram_stay_together) {
    constexpr std::uint16_t kMore = 0x2000;
    const auto first = spread_hash(ipv4(kTcp, 1000, kMore, 7));
    EXPECT_EQ(first, spread_hash(ipv4(kTcp, 4711, kMore | 100, 7)));
    EXPECT_EQ(first, spread_hash(ipv4(kTcp, 1, 200, 7)));
    EXPECT_EQ(first, spread_hash(ipv4(kTcp, 1000, kMore, 8)));  // in order with the next one
    EXPECT_NE(first, spread_hash(ipv4(kTcp, 1000)));
    Frame one = ipv6(kFragmentHeader, 7);
    Frame other = one;
    other.back() = 1;
    EXPECT_EQ(spread_hash(one), spread_hash(other));
    EXPECT_EQ(spread_hash(one), spread_hash(ipv6(kFragmentHeader, 8)));
}

TEST(SpreadHash, other_protocols_go_by_their_addresses) {
    EXPECT_EQ(spread_hash(ipv4(kIcmp, 1)), spread_hash(ipv4(kIcmp, 2)));
    EXPECT_NE(spread_hash(ipv6(kTcp, 1)), spread_hash(ipv6(kTcp, 2)));
    EXPECT_EQ(spread_hash(ipv6(0, 1)), spread_hash(ipv6(0, 2)));  // options
}

TEST(SpreadHash, looks_behind_two_vlan_tags) {
    const Frame plain = ipv4(kTcp, 1000);
    EXPECT_EQ(spread_hash(plain), spread_hash(tagged(plain, 1)));
    EXPECT_EQ(spread_hash(plain), spread_hash(tagged(plain, 2)));
    EXPECT_FALSE(spread_hash(tagged(plain, 3)));
}

// Under the address sanitizer: no byte beyond the frame is read.
TEST(SpreadHash, reads_no_further_than_the_frame) {
    for (const Frame& whole : {tagged(ipv4(kTcp, 1), 2), ipv6(kTcp, 1), ipv6(kFragmentHeader, 1)})
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const std::unique_ptr<std::uint8_t[]> exact(new std::uint8_t[size]);
            std::copy_n(whole.begin(), size, exact.get());
            static_cast<void>(spread_hash({exact.get(), size}));
        }
    Frame options = ipv4(kTcp, 1);
    options[14] = 0x4f;  // a header of 60 bytes, which the frame does not have
    EXPECT_TRUE(spread_hash(options));
    EXPECT_FALSE(spread_hash(Frame(60)));
}

class SpreadTest : public testing::Test {
  protected:
    static constexpr unsigned kWorkers = 2, kRoom = 63;

    SpreadTest() {
        for (unsigned i = 0; i < kWorkers; ++i) {
            const auto size = (static_cast<std::size_t>(rte_ring_get_memsize(kRoom + 1)) + 63) / 64;
            rings_.push_back(static_cast<rte_ring*>(std::aligned_alloc(64, size * 64)));
            rte_ring_init(rings_[i], "share", kRoom + 1, RING_F_SC_DEQ);
        }
        first_ = std::make_unique<Spread>(rings_, 0, counters_[0]);
        second_ = std::make_unique<Spread>(rings_, 1, counters_[1]);
    }
    ~SpreadTest() override {
        for (rte_ring* ring : rings_) {
            void* packet = nullptr;
            while (rte_ring_dequeue(ring, &packet) == 0)
                rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
            std::free(ring);
        }
    }

    static rte_mempool* pool() {
        static rte_mempool* const kPool = [] {
            cpu_set_t cores;
            CPU_ZERO(&cores);
            sched_getaffinity(0, sizeof cores, &cores);
            unsigned core = 0;
            while (!CPU_ISSET(core, &cores))
                ++core;
            EalConfig config;
            config.main_core = core;
            config.worker_cores = {core};
            config.packets = 1024;
            config.other_bytes = 1 << 20;
            start_eal(config).value();
            return make_packet_pool("packets", 1024, 0, -1, PacketLayout::dense).value();
        }();
        return kPool;
    }

    // A packet of a flow that is the second worker's, or the first's.
    rte_mbuf* packet(unsigned worker) {
        static std::uint16_t port = 1000;
        for (;; ++port) {
            const Frame frame = ipv4(kTcp, port);
            if (std::uint64_t{*spread_hash(frame)} * kWorkers >> 32 != worker) continue;
            ++port;
            rte_mbuf* made = rte_pktmbuf_alloc(pool());
            std::copy(frame.begin(), frame.end(),
                      rte_pktmbuf_append(made, static_cast<std::uint16_t>(frame.size())));
            return made;
        }
    }

    std::vector<rte_ring*> rings_;
    std::array<WorkerCounters, kWorkers> counters_;
    std::unique_ptr<Spread> first_, second_;
};

TEST_F(SpreadTest, each_gets_its_share_in_order_and_knows_the_port) {
    std::vector<rte_mbuf*> burst = {packet(0), packet(1), packet(1), packet(0), packet(1)};
    const std::vector<rte_mbuf*> sent = burst;
    EXPECT_TRUE(second_->empty());
    ASSERT_EQ(first_->keep_own(burst, 3), 2U);
    EXPECT_EQ(burst[0], sent[0]);
    EXPECT_EQ(burst[1], sent[3]);
    std::vector<rte_mbuf*> more = {packet(1)};
    const rte_mbuf* last = more[0];
    EXPECT_EQ(first_->keep_own(more, 4), 0U);
    EXPECT_EQ(counters_[0].handed_on.read(), 4U);

    std::array<rte_mbuf*, kMaxBurst> taken;
    Spread::Taken now = second_->take(taken);
    ASSERT_EQ(now.count, 3U);
    EXPECT_EQ(now.port, 3);
    EXPECT_EQ(taken[0], sent[1]);
    EXPECT_EQ(taken[1], sent[2]);
    EXPECT_EQ(taken[2], sent[4]);
    EXPECT_FALSE(second_->empty());
    now = second_->take(taken);
    ASSERT_EQ(now.count, 1U);
    EXPECT_EQ(now.port, 4);
    EXPECT_EQ(taken[0], last);
    EXPECT_TRUE(second_->empty());
    EXPECT_EQ(second_->take(taken).count, 0U);
    for (rte_mbuf* packet : sent)
        rte_pktmbuf_free(packet);
    rte_pktmbuf_free(taken[0]);
}

TEST_F(SpreadTest, what_a_full_ring_does_not_take_is_dropped_and_counted) {
    const unsigned free_before = rte_mempool_avail_count(pool());
    for (int i = 0; i < 5; ++i) {
        std::vector<rte_mbuf*> burst;
        for (int j = 0; j < 16; ++j)
            burst.push_back(packet(1));
        EXPECT_EQ(first_->keep_own(burst, 0), 0U);
    }
    EXPECT_EQ(counters_[0].handed_on.read(), kRoom);
    EXPECT_EQ(counters_[0].drops[static_cast<std::size_t>(Drop::worker_full)].read(), 80 - kRoom);
    EXPECT_EQ(rte_mempool_avail_count(pool()), free_before - kRoom);
}

}  // namespace
}  // namespace usher
