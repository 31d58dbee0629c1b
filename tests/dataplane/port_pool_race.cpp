// SPDX-License-Identifier: BSD-3-Clause
// Workers that lease, give back and rest ports at once, while the control thread turns the
// generations and counts, under the thread sanitizer: no port has two holders.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "dataplane/port_pool.hpp"

namespace usher {
namespace {

constexpr unsigned kThreads = 3;
constexpr PortSpan kSpan{1000, 1127};  // few, so that the threads meet

class Holders {
  public:
    void take(std::uint16_t port) {
        EXPECT_EQ(holders_[port].fetch_add(1, std::memory_order_relaxed), 0) << port;
    }
    void leave(std::uint16_t port) { holders_[port].fetch_sub(1, std::memory_order_relaxed); }

  private:
    std::array<std::atomic<int>, 65536> holders_{};
};

void work(PortPool& pool, Holders& holders, unsigned id, int steps) {
    std::mt19937_64 random(id);
    std::vector<std::uint16_t> mine;
    for (int i = 0; i < steps; ++i) {
        if (mine.size() < 40 && random() % 2) {
            const auto wanted =
                static_cast<std::uint16_t>(kSpan.first + random() % (kSpan.last - kSpan.first));
            const std::uint16_t port =
                pool.lease(0, PortKind::tcp, wanted, random(), static_cast<Ticks>(i / 64));
            if (port == 0) continue;
            EXPECT_TRUE(port >= kSpan.first && port <= kSpan.last);
            holders.take(port);
            mine.push_back(port);
        } else if (!mine.empty()) {
            const std::uint16_t port = mine.back();
            mine.pop_back();
            holders.leave(port);
            if (random() % 2)
                pool.rest(0, PortKind::tcp, port);
            else
                pool.give_back(0, PortKind::tcp, port);
        }
    }
    for (const std::uint16_t port : mine) {
        holders.leave(port);
        pool.rest(0, PortKind::tcp, port);
    }
}

TEST(PortPoolRace, NoPortHasTwoHolders) {
    PortPool pool(1);
    pool.set_span(0, kSpan);
    Holders holders;
    std::atomic<unsigned> running{kThreads};
    std::vector<std::thread> threads;
    for (unsigned id = 0; id < kThreads; ++id)
        threads.emplace_back([&, id] {
            work(pool, holders, id, 50000);
            --running;
        });
    for (unsigned turn = 0; running > 0; ++turn) {
        pool.begin_generation();
        pool.set_services(0, PortKind::tcp, {static_cast<std::uint16_t>(1000 + turn % 100)});
        // The words are counted one after the other, while ports move between them: what is sure is
        // no more than that none outside the span is used.
        EXPECT_LE(pool.use(0, PortKind::tcp).used, kSpan.last - kSpan.first + 1U);
    }
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(pool.use(0, PortKind::tcp).used, 0U);
    for (int i = 0; i < 3; ++i)
        pool.begin_generation();
    EXPECT_TRUE(pool.is_idle(0));
}

// A port that one worker rests is not had by another that was just looking.
TEST(PortPoolRace, WhatRestsIsNotTaken) {
    constexpr std::uint16_t kPort = 5000;
    for (int round = 0; round < 300; ++round) {
        PortPool pool(1);
        pool.set_span(0, {kPort, kPort});
        std::atomic<int> leases{0};
        std::vector<std::thread> threads;
        for (unsigned id = 0; id < 2; ++id)
            threads.emplace_back([&] {
                for (int i = 0; i < 50; ++i)
                    if (pool.lease(0, PortKind::udp, kPort, 1, 0) == kPort) {
                        ++leases;
                        pool.rest(0, PortKind::udp, kPort);
                    }
            });
        for (std::thread& thread : threads)
            thread.join();
        EXPECT_EQ(leases, 1);
    }
}

}  // namespace
}  // namespace usher
