// SPDX-License-Identifier: BSD-3-Clause
// Several threads at one table and one sequence of snapshots, under the thread sanitizer: insert,
// find, expire and reuse race; what is found is always whole, and a flow is never there twice.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "dataplane/data_plane.hpp"

namespace usher {
namespace {

constexpr unsigned kThreads = 3;
constexpr HashSeed kSeed{11, 22, 33};
constexpr std::uint32_t kFlows = 200;  // few, so that the threads meet
constexpr std::uint8_t kUdp = 17;

Flow4 original_of(std::uint32_t n) {
    return {Be32::from_host(n), Be32::from_host(1), Be16::from_host(static_cast<std::uint16_t>(n)),
            Be16()};
}

// The answers differ by thread and try, so that only the original decides who was first.
Flow4 reply_of(std::uint32_t n, std::uint32_t unique) {
    return {Be32::from_host(n), Be32::from_host(unique), Be16::from_host(9), Be16()};
}

class Racer {
  public:
    Racer(DataPlane& plane, unsigned id)
        : plane_(plane), id_(id), free_(plane.table, plane.pool, plane.grace) {}

    void run(int steps) {
        plane_.grace.online(id_);
        std::mt19937 random(id_);
        for (int i = 0; i < steps; ++i) {
            const std::uint32_t n = random() % kFlows;
            if (random() % 2)
                open(n);
            else
                close(n);
            read_snapshot();
            free_.collect();
            plane_.grace.quiescent(id_);
        }
        plane_.grace.offline(id_);
    }

  private:
    void open(std::uint32_t n) {
        const ConnectionIndex index = free_.allocate();
        if (index == kNoConnection) return;
        Connection& c = plane_.table[index];
        c.original = original_of(n);
        c.reply = reply_of(n, ++unique_ * kThreads + id_);
        c.protocol = kUdp;
        c.server_slot = n;
        c.status.store(kLive, std::memory_order_release);
        if (plane_.table.link(index) == LinkResult::linked) return;
        c.status.store(0, std::memory_order_relaxed);
        free_.retire(index);
    }

    void close(std::uint32_t n) {
        const Flow4 flow = original_of(n);
        const Entry entry = plane_.table.find(plane_.table.hash(flow, kUdp), flow, kUdp);
        if (!entry) return;
        Connection& c = plane_.table[entry.index()];
        EXPECT_EQ(c.server_slot, n);
        EXPECT_EQ(c.reply.source.host(), n);
        if (!(c.status.fetch_and(~kLive) & kLive)) return;  // another thread was first
        plane_.table.unlink(entry.index());
        free_.retire(entry.index());
    }

    void read_snapshot() {
        const Snapshot& snapshot = plane_.snapshot();
        EXPECT_EQ(snapshot.deployed.size(), snapshot.debug);
        for (const std::uint64_t word : snapshot.deployed)
            EXPECT_EQ(word, snapshot.debug);
    }

    DataPlane& plane_;
    const unsigned id_;
    FreeList free_;
    std::uint32_t unique_ = 0;
};

// Every live connection is found by both of its flows, and no flow has two.
void expect_whole(const DataPlane& plane) {
    std::vector<int> seen(kFlows);
    for (ConnectionIndex i = 0; i < plane.pool.ever_used(); ++i) {
        const Connection& c = plane.table[i];
        if (!(c.status.load() & kLive)) continue;
        EXPECT_EQ(++seen[c.server_slot], 1) << "flow " << c.server_slot << " is there twice";
        for (const Flow4& flow : {c.original, c.reply}) {
            const Entry entry = plane.table.find(plane.table.hash(flow, kUdp), flow, kUdp);
            EXPECT_TRUE(entry);
            EXPECT_EQ(entry.index(), i);
        }
    }
}

TEST(Race, InsertFindExpireReuseAndPublish) {
    DataPlane plane(8, kThreads, kSeed);
    std::atomic<bool> stop{false};
    std::thread publisher([&] {
        for (std::uint32_t n = 0; !stop; ++n) {
            auto next = std::make_unique<Snapshot>();
            next->debug = n % 50;
            next->deployed.assign(n % 50, n % 50);
            plane.publish(std::move(next));
        }
    });
    for (int round = 0; round < 100; ++round) {
        std::vector<std::thread> threads;
        for (unsigned id = 0; id < kThreads; ++id)
            threads.emplace_back([&, id] { Racer(plane, id).run(1000); });
        for (std::thread& thread : threads)
            thread.join();
        expect_whole(plane);
    }
    stop = true;
    publisher.join();
}

// Both directions and the control thread's walk at once: the walk sees only whole connections.
TEST(Race, TheControlThreadReadsWhatIsLive) {
    DataPlane plane(8, kThreads, kSeed);
    std::atomic<unsigned> running{kThreads};
    std::vector<std::thread> threads;
    for (unsigned id = 0; id < kThreads; ++id)
        threads.emplace_back([&, id] {
            Racer(plane, id).run(20000);
            --running;
        });
    while (running > 0) {
        const DataPlane::Reading reading(plane);
        for (ConnectionIndex i = 0; i < plane.pool.ever_used(); ++i) {
            const Connection& c = plane.table[i];
            if (!(c.status.load(std::memory_order_acquire) & kLive)) continue;
            EXPECT_EQ(c.original.source, c.reply.source);
        }
    }
    for (std::thread& thread : threads)
        thread.join();
}

}  // namespace
}  // namespace usher
