// SPDX-License-Identifier: BSD-3-Clause
// Workers that take, hold, expect for and release FTP records at once, under the thread sanitizer:
// a held record keeps its owner, and at the end all are free.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <thread>
#include <vector>

#include "dataplane/ftp_records.hpp"

namespace usher {
namespace {

constexpr unsigned kThreads = 3;
constexpr unsigned kOwners = 8;  // control connections, of which anybody may know
constexpr std::uint32_t kConnections = 32;

class Owners {
  public:
    explicit Owners(FtpRecords& records) : records_(records) {
        for (auto& each : records_of_)
            each.store(kNoFtp);
    }

    // The connection `owner` begins, or ends.
    void toggle(ConnectionIndex owner) {
        std::atomic<std::uint32_t>& place = records_of_[owner];
        const std::uint32_t before = place.exchange(kNoFtp);
        if (before != kNoFtp) return records_.release(static_cast<FtpIndex>(before));
        const FtpIndex taken = records_.take(static_cast<std::uint16_t>(owner), false);
        if (taken == kNoFtp) return;
        records_.set_owner(taken, owner);
        if (std::uint32_t none = kNoFtp; !place.compare_exchange_strong(none, taken))
            records_.release(taken);
    }
    // A segment of it comes, perhaps to a worker that is late.
    void use(ConnectionIndex owner) {
        const auto index = static_cast<FtpIndex>(records_of_[owner].load());
        if (index == kNoFtp || !records_.hold(index, owner)) return;
        EXPECT_EQ(records_.timeout_class(index), owner);
        const bool expected = records_.expect(index);
        records_.release(index);
        if (!expected) return;
        records_.no_longer_expected(index);
        records_.release(index);
    }

  private:
    FtpRecords& records_;
    std::array<std::atomic<std::uint32_t>, kOwners> records_of_{};
};

TEST(FtpRecordsRace, WhatIsHeldKeepsItsOwner) {
    FtpRecords records(kConnections);
    Owners owners(records);
    std::vector<std::thread> threads;
    for (unsigned id = 0; id < kThreads; ++id)
        threads.emplace_back([&, id] {
            std::mt19937 random(id);
            for (int i = 0; i < 100000; ++i) {
                const ConnectionIndex owner = random() % kOwners;
                if (random() % 4 == 0)
                    owners.toggle(owner);
                else
                    owners.use(owner);
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_FALSE(records.expects_any());
}

TEST(FtpRecordsRace, AllAreFreeInTheEnd) {
    FtpRecords records(kConnections);
    std::vector<std::thread> threads;
    for (unsigned id = 0; id < kThreads; ++id)
        threads.emplace_back([&] {
            for (int i = 0; i < 50000; ++i)
                if (const FtpIndex index = records.take(0, false); index != kNoFtp)
                    records.release(index);
        });
    for (std::thread& thread : threads)
        thread.join();
    unsigned free = 0;
    while (records.take(0, false) != kNoFtp)
        ++free;
    EXPECT_EQ(free, records.size());
    EXPECT_EQ(free, kConnections / 4);
}

}  // namespace
}  // namespace usher
