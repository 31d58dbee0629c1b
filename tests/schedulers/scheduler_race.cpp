// SPDX-License-Identifier: BSD-3-Clause
// Schedulers asked by several threads at once, as workers do.
#include <gtest/gtest.h>

#include <thread>

#include "schedulers/destination_cache.hpp"
#include "tests/schedulers/table.hpp"

namespace usher {
namespace {

constexpr int kWorkers = 2;

template <class Work>
void run_workers(Work work) {
    std::vector<std::thread> workers;
    for (int i = 0; i < kWorkers; ++i)
        workers.emplace_back(work, i);
    for (std::thread& worker : workers)
        worker.join();
}

// A service as workers see it: the cursor is used once for each decision.
class SharedService {
  public:
    SharedService(const std::string& name, const std::vector<std::uint32_t>& weights)
        : loads(8192), cursor_(0) {
        change(name, weights, {});
        cursor_ = current_.load()->first_cursor();
    }
    int choose(const Arrival& arrival) {
        const Scheduler& scheduler = *current_.load(std::memory_order_acquire);
        std::uint64_t before = cursor_.load(std::memory_order_relaxed);
        for (;;) {
            const Choice choice = scheduler.choose(arrival, Loads(loads.data()), before);
            if (choice.cursor == before || cursor_.compare_exchange_weak(before, choice.cursor))
                return choice.server;
        }
    }
    // The servers are the same, or those in `without` are quiesced. The old one stays: a worker may
    // be using it.
    void change(const std::string& name, std::vector<std::uint32_t> weights,
                const std::vector<std::size_t>& without) {
        for (const std::size_t i : without)
            weights[i] = 0;
        Scheduler::Servers servers;
        for (std::uint32_t i = 0; i < weights.size(); ++i)
            servers.push_back({weights[i], i, IpAddress(Be32::from_host(i + 1)), 80});
        all_.push_back(find_scheduler(name)->make(std::move(servers), {}));
        if (all_.size() > 1) all_.back()->inherit(*all_[all_.size() - 2]);
        current_.store(all_.back().get(), std::memory_order_release);
    }
    void count(int server, int active) {
        const auto slot = static_cast<std::uint32_t>(server);
        loads[slot].active.fetch_add(active);
        if (active < 0) note_fall(loads.data(), slot);
    }

    std::vector<ServerLoad> loads;

  private:
    std::atomic<std::uint64_t> cursor_;
    std::vector<std::unique_ptr<Scheduler>> all_;
    std::atomic<const Scheduler*> current_{nullptr};
};

TEST(RoundRobinRace, SharesAreExactToTheUnit) {
    for (const char* name : {"rr", "wrr"}) {
        std::vector<std::uint32_t> weights;
        for (std::uint32_t i = 0; i < 30; ++i)
            weights.push_back(i % 3 + 1);
        SharedService service(name, weights);
        constexpr int kRounds = 300;
        const std::uint32_t sum = std::accumulate(weights.begin(), weights.end(), 0U);
        run_workers([&](int) {
            for (std::uint32_t i = 0; i < sum * kRounds; ++i)
                service.count(service.choose({}), 1);
        });
        for (std::size_t i = 0; i < weights.size(); ++i)
            EXPECT_EQ(service.loads[i].active, name == std::string("wrr")
                                                   ? weights[i] * kWorkers * kRounds
                                                   : sum * kWorkers * kRounds / weights.size());
    }
}

// Each worker may decide on what it saw before the other's connection was counted.
TEST(LeastLoadedRace, StaysWithinOneForEachWorker) {
    for (const std::size_t servers : {10U, 100U, 1000U}) {
        SharedService service("wlc", std::vector<std::uint32_t>(servers, 1));
        run_workers([&](int worker) {
            std::vector<int> open;
            for (int i = 0; i < 20000; ++i) {
                open.push_back(service.choose({}));
                service.count(open.back(), 1);
                if (i % 2 == worker && open.size() > 5000) {
                    const std::size_t at = static_cast<std::size_t>(i) * 7919 % open.size();
                    service.count(open[at], -1);
                    open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
                }
            }
        });
        // One thread goes on: what any fall left behind is found, and all become level.
        for (std::size_t i = 0; i < 60 * servers + 4000; ++i)
            service.count(service.choose({}), 1);
        std::int32_t least = INT32_MAX;
        std::int32_t most = 0;
        for (std::size_t i = 0; i < servers; ++i) {
            least = std::min(least, service.loads[i].active.load());
            most = std::max(most, service.loads[i].active.load());
        }
        EXPECT_LE(most - least, 1) << servers;
    }
}

TEST(LocalityRace, WorkersShareTheMemoryOverChanges) {
    for (const char* name : {"lblc", "lblcr"}) {
        const std::vector<std::uint32_t> weights(40, 2);
        SharedService service(name, weights);
        std::atomic<int> running{kWorkers};
        std::thread control([&] {
            for (std::size_t i = 0; running > 0 && i < 400; ++i) {
                service.change(name, weights, {i % 40, i * 7 % 40});
                std::this_thread::yield();
            }
        });
        run_workers([&](int worker) {
            std::vector<int> open;
            for (std::uint32_t i = 0; i < 30000; ++i) {
                Arrival arrival;
                arrival.destination = IpAddress(Be32::from_host(i % 3 ? i % 7 : i % 30000));
                arrival.now = i / 10;
                const int server = service.choose(arrival);
                ASSERT_GE(server, 0);
                ASSERT_LT(server, 40);
                service.count(server, 1);
                open.push_back(server);
                if (open.size() > 100 + static_cast<std::size_t>(worker)) {
                    service.count(open.front(), -1);
                    open.erase(open.begin());
                }
            }
            --running;
        });
        control.join();
    }
}

// Whatever is read as valid was written as one: the names of an entry all belong to its address.
TEST(DestinationCacheRace, NeverMixesTwoEntries) {
    DestinationCache cache;
    constexpr std::uint32_t kStride = 1000;
    std::atomic<std::uint32_t> valid{0};
    run_workers([&](int worker) {
        std::uint32_t random = static_cast<std::uint32_t>(worker) + 1;
        for (std::uint32_t i = 0; i < 60000; ++i) {
            random = random * 1664525 + 1013904223;
            const std::uint32_t n = (random >> 8) % (i % 2 ? 20 : 60000);
            const std::uint32_t name = n * kStride + (random >> 4) % 50;
            const IpAddress address(Be32::from_host(n));
            const auto place = cache.find(address, i / 64, 500);
            if (!place) {
                cache.insert(address, name, i / 64, 500);
                continue;
            }
            bool mixed = false;
            std::uint32_t count = 0;
            if (!cache.visit(place, [&](ServerName seen) {
                    ++count;
                    mixed = mixed || seen / kStride != n;
                }))
                continue;
            EXPECT_FALSE(mixed);
            valid.fetch_add(1, std::memory_order_relaxed);
            cache.touch(place, i / 64);
            if (count > 40)
                cache.replace(place, name, i / 64);
            else if (random >> 31)
                cache.add(place, name, i / 64);
            else if (count > 1)
                cache.remove(place, name, i / 64);
        }
    });
    EXPECT_GT(valid, 10000U);
}

}  // namespace
}  // namespace usher
