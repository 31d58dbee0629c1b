// SPDX-License-Identifier: BSD-3-Clause
// Packets that wait for a MAC address, and that nobody can keep others from being asked for.
#include "dataplane/neighbour_queue.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace usher {
namespace {

class Neighbours : public testing::Test {
  protected:
    static constexpr HashSeed kSeed{0x123456789abcdef1, 0x23456789abcdef12, 0x3456789abcdef123};
    ~Neighbours() override {
        queue_.sift([](const auto&) { return false; });  // the packets are none
    }

    // Packets are told by their place.
    rte_mbuf* put(const std::string& neighbour, Ticks now = 0, PortIndex port = 1) {
        packets_.emplace_back();
        return queue_.put(
            {packet(packets_.size() - 1), 100, port, *IpAddress::parse(neighbour), now});
    }
    rte_mbuf* packet(std::size_t number) { return &pool_[number]; }

    std::vector<std::string> asked() {
        std::vector<std::string> all;
        for (NeighbourRequest request; queue_.take_request(request);)
            all.push_back(request.address.to_string());
        return all;
    }
    std::vector<std::size_t> waiting_for(const std::string& neighbour) {
        std::vector<std::size_t> all;
        queue_.sift([&](const NeighbourQueue::Waiting& one) {
            if (one.neighbour == *IpAddress::parse(neighbour))
                all.push_back(static_cast<std::size_t>(one.packet - pool_.data()));
            return true;
        });
        return all;
    }

    std::vector<rte_mbuf> pool_{std::vector<rte_mbuf>(4096)};
    std::vector<int> packets_;
    NeighbourQueue queue_{kSeed};
};

TEST_F(Neighbours, WaitInOrderAndAreAskedForOnce) {
    EXPECT_TRUE(queue_.empty());
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(put("10.0.0.7"), nullptr);
    EXPECT_EQ(asked(), std::vector<std::string>{"10.0.0.7"});
    EXPECT_EQ(waiting_for("10.0.0.7"), (std::vector<std::size_t>{0, 1, 2}));
    EXPECT_FALSE(queue_.empty());
    queue_.sift([&](const NeighbourQueue::Waiting& one) { return one.packet == packet(1); });
    EXPECT_EQ(waiting_for("10.0.0.7"), std::vector<std::size_t>{1});
    queue_.sift([](const auto&) { return false; });
    EXPECT_TRUE(queue_.empty());
}

TEST_F(Neighbours, TheOldestPacketGivesWay) {
    for (unsigned i = 0; i < NeighbourQueue::kRowRoom; ++i)
        EXPECT_EQ(put("10.0.0.7"), nullptr);
    EXPECT_EQ(put("10.0.0.7"), packet(0));
    EXPECT_EQ(put("10.0.0.7"), packet(1));
    EXPECT_EQ(waiting_for("10.0.0.7").size(), NeighbourQueue::kRowRoom);
    EXPECT_EQ(waiting_for("10.0.0.7").back(), NeighbourQueue::kRowRoom + 1);
}

TEST_F(Neighbours, AreAskedForAgainWhilePacketsCome) {
    put("10.0.0.7", 0);
    put("10.0.0.7", NeighbourQueue::kAskAgain - 1);
    EXPECT_EQ(asked().size(), 1U);
    put("10.0.0.7", NeighbourQueue::kAskAgain);
    EXPECT_EQ(asked().size(), 1U);
    put("10.0.0.7", NeighbourQueue::kAskAgain, 0);  // on another port
    EXPECT_EQ(asked().size(), 1U);
}

// It answered, and was forgotten by Linux a moment later.
TEST_F(Neighbours, AreAskedForAtOnceWhenNothingWaitsAnyMore) {
    put("10.0.0.7", 0);
    EXPECT_EQ(asked().size(), 1U);
    queue_.sift([](const auto&) { return false; });
    put("10.0.0.7", 1);
    EXPECT_EQ(asked().size(), 1U);
}

// Nine that never answer used to be enough to fill the queue, and nobody else was asked for.
TEST_F(Neighbours, ThatNeverAnswerDoNotStarveOthers) {
    for (int round = 0; round < 100; ++round)
        for (int host = 1; host <= 9; ++host)
            put(fmt::format("198.51.100.{}", host));
    EXPECT_EQ(asked().size(), 9U);
    int kept = 0;
    for (int host = 1; host <= 64; ++host) {
        put(fmt::format("10.0.0.{}", host));
        put("198.51.100.1");
        kept += waiting_for(fmt::format("10.0.0.{}", host)).size() == 1;
    }
    EXPECT_EQ(kept, 64);
    const std::vector<std::string> all = asked();
    EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 64U);
}

// However many: whoever comes is asked for, and waits for a moment at least.
TEST_F(Neighbours, AFloodOfNeighboursDoesNotStarveOthers) {
    for (int host = 0; host < 1000; ++host)
        put(fmt::format("2001:db8::{:x}", host + 1));
    EXPECT_EQ(asked().size(), 1000U);
    put("10.0.0.7");
    EXPECT_EQ(asked(), std::vector<std::string>{"10.0.0.7"});
    EXPECT_EQ(waiting_for("10.0.0.7").size(), 1U);
}

// What the control thread does not take is asked for with a later packet.
TEST_F(Neighbours, ARequestThatFoundNoRoomIsMadeAgain) {
    for (unsigned host = 0; host < NeighbourQueue::kRequestRoom; ++host)
        put(fmt::format("2001:db8::{:x}", host + 1));
    put("10.0.0.7");
    const std::size_t room = asked().size();
    EXPECT_LT(room, NeighbourQueue::kRequestRoom);
    put("10.0.0.7");
    EXPECT_EQ(asked(), std::vector<std::string>{"10.0.0.7"});
}

}  // namespace
}  // namespace usher
