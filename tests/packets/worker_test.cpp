// SPDX-License-Identifier: BSD-3-Clause
// What a case file cannot say: ports chosen at random, a full table, many packets at once.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include "tests/packets/in_process.hpp"

namespace usher::test {
namespace {

constexpr const char* kService =
    R"({"command":"service.add","service":{"protocol":"tcp","address":"203.0.113.10","port":80},)"
    R"("options":{"scheduler":"rr"}})";

std::string server_add(const std::string& vip, const std::string& server) {
    return fmt::format(R"({{"command":"server.add","service":{{"protocol":"tcp","address":"{}",)"
                       R"("port":80}},"server":{{"address":"{}","port":80}},"options":{{}}}})",
                       vip, server);
}

Frame client(int host, int port, const char* flags) {
    return *frame_of(
        fmt::format("tcp 198.51.100.{}:{} > 203.0.113.10:80 {} seq=1", host, port, flags));
}

TEST(Worker, GivesASecondServiceOnOneServerAnotherPort) {
    InProcess box;
    box.request(kService);
    box.request(server_add("203.0.113.10", "10.0.0.100"));
    box.request(R"({"command":"service.add","service":{"protocol":"tcp","address":"203.0.113.11",)"
                R"("port":80},"options":{}})");
    box.request(server_add("203.0.113.11", "10.0.0.100"));
    const auto first = box.pass(0, {client(2, 4001, "S")}, 1);
    const auto second =
        box.pass(0, {*frame_of("tcp 198.51.100.2:4001 > 203.0.113.11:80 S seq=1")}, 1);
    ASSERT_EQ(first.size(), 1U);
    ASSERT_EQ(second.size(), 1U);
    EXPECT_TRUE(is_sound(second[0].frame));
    Headers headers;
    ASSERT_EQ(parse<Family::ipv4>(second[0].frame, headers), Drop::none);
    const Flow4 flow = read_flow<Family::ipv4>(second[0].frame.data(), headers);
    EXPECT_NE(flow.source_port.host(), 4001);

    // The answer to that port finds its way to the client's own.
    const auto answer =
        box.pass(1,
                 {*frame_of(fmt::format("tcp 10.0.0.100:80 > 198.51.100.2:{} SA ack=2",
                                        flow.source_port.host()))},
                 1);
    ASSERT_EQ(answer.size(), 1U);
    EXPECT_EQ(describe(answer[0].frame), "tcp 203.0.113.11:80 > 198.51.100.2:4001 SA ack=2 ttl=63");
}

TEST(Worker, LetsHalfOpenConnectionsGiveWayWhenTheTableIsFull) {
    InProcess box(8);  // 256 connections
    box.request(kService);
    box.request(server_add("203.0.113.10", "10.0.0.100"));
    for (int port = 1; port <= 100; ++port) {
        box.pass(0, {client(2, port + 1000, "S")}, 1);
        box.pass(0, {client(2, port + 1000, "A")}, 1);
    }
    std::vector<Frame> flood;
    for (int port = 1; port <= 5000; ++port)
        flood.push_back(client(3, port + 1000, "S"));
    box.pass(0, flood, 32);
    EXPECT_GT(box.worker().counters().evicted.read(), 4000U);
    EXPECT_EQ(box.dropped(Drop::table_full), 0U);
    // Every established one is still there.
    for (int port = 1; port <= 100; ++port)
        EXPECT_EQ(box.pass(0, {client(2, port + 1000, "A")}, 1).size(), 1U) << port;
    // And so a new client is served, at once.
    EXPECT_EQ(box.pass(0, {client(4, 5000, "S"), client(4, 5000, "A")}, 1).size(), 2U);
}

// A quarter of the table may be control connections; the rest of it is not full here.
TEST(Worker, LetsHalfOpenFtpConnectionsGiveWayToOthers) {
    InProcess box(8);
    box.request(R"({"command":"service.add","service":{"protocol":"tcp","address":"203.0.113.10",)"
                R"("port":21},"options":{"scheduler":"rr"}})");
    box.request(R"({"command":"server.add","service":{"protocol":"tcp","address":"203.0.113.10",)"
                R"("port":21},"server":{"address":"10.0.0.100","port":21},"options":{}})");
    const auto ftp = [](int host, int port, const char* flags) {
        return *frame_of(
            fmt::format("tcp 198.51.100.{}:{} > 203.0.113.10:21 {} seq=1", host, port, flags));
    };
    for (int port = 1; port <= 20; ++port)
        box.pass(0, {ftp(2, port + 1000, "S"), ftp(2, port + 1000, "A")}, 1);
    std::vector<Frame> flood;
    for (int port = 1; port <= 3000; ++port)
        flood.push_back(ftp(3, port + 1000, "S"));
    box.pass(0, flood, 32);
    EXPECT_EQ(box.dropped(Drop::ftp_full), 0U);
    EXPECT_EQ(box.dropped(Drop::table_full), 0U);
    EXPECT_GT(box.worker().counters().evicted.read(), 2900U);
    for (int port = 1; port <= 20; ++port)
        EXPECT_EQ(box.pass(0, {ftp(2, port + 1000, "A")}, 1).size(), 1U) << port;
    EXPECT_EQ(box.pass(0, {ftp(4, 5000, "S"), ftp(4, 5000, "A")}, 1).size(), 2U);

    // Where they all stand, none gives way.
    for (int port = 1; port <= 100; ++port)
        box.pass(0, {ftp(5, port + 1000, "S"), ftp(5, port + 1000, "A")}, 1);
    EXPECT_EQ(box.dropped(Drop::ftp_full), 100U - (64 - 21));
    for (int port = 1; port <= 20; ++port)
        EXPECT_EQ(box.pass(0, {ftp(2, port + 1000, "A")}, 1).size(), 1U) << port;
}

TEST(Worker, RefusesWhenOnlyEstablishedConnectionsAreLeft) {
    InProcess box(8);
    box.request(kService);
    box.request(server_add("203.0.113.10", "10.0.0.100"));
    for (int port = 1; port <= 256; ++port)
        box.pass(0, {client(2, port + 1000, "S"), client(2, port + 1000, "A")}, 1);
    EXPECT_EQ(box.pass(0, {client(3, 5000, "S")}, 1).size(), 0U);
    EXPECT_EQ(box.dropped(Drop::table_full), 1U);
    EXPECT_EQ(box.pass(0, {client(2, 1001, "A")}, 1).size(), 1U);
}

TEST(Worker, TrimsPaddingOfShortFrames) {
    InProcess box;
    box.request(kService);
    box.request(server_add("203.0.113.10", "10.0.0.100"));
    Frame frame = client(2, 4001, "S");
    frame.resize(60);
    const auto sent = box.pass(0, {frame}, 1);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].frame.size(), 54U);
    EXPECT_TRUE(is_sound(sent[0].frame));
}

TEST(Worker, TakesNoPacketInSeveralBuffers) {
    InProcess box;
    box.request(kService);
    box.request(server_add("203.0.113.10", "10.0.0.100"));
    const Frame frame = client(2, 4001, "S");
    rte_mbuf* first = rte_pktmbuf_alloc(process_pool());
    rte_mbuf* second = rte_pktmbuf_alloc(process_pool());
    std::copy_n(frame.begin(), 40, rte_pktmbuf_append(first, 40));
    const auto rest = static_cast<std::uint16_t>(frame.size() - 40);
    std::copy_n(frame.begin() + 40, rest, rte_pktmbuf_append(second, rest));
    ASSERT_EQ(rte_pktmbuf_chain(first, second), 0);
    EXPECT_EQ(box.pass(0, std::vector<rte_mbuf*>{first}).size(), 0U);
    EXPECT_EQ(box.dropped(Drop::segmented), 1U);
    EXPECT_EQ(box.packets_in_use(), 0U);
}

TEST(Worker, CountsWhatAnInterfaceDoesNotTake) {
    InProcess box(12);
    box.request(kService);
    box.request(server_add("203.0.113.10", "10.0.0.100"));
    std::vector<Frame> burst;
    for (int i = 0; i < 1100; ++i)
        burst.push_back(client(2, 1000 + i, "S"));
    EXPECT_EQ(box.pass(0, burst, 32).size(), 1023U) << "a wire holds so many";
    EXPECT_EQ(box.dropped(Drop::transmit_full), 77U);
    EXPECT_EQ(box.packets_in_use(), 0U);
}

TEST(Worker, LimitsItsRefusals) {
    InProcess box;
    box.request(kService);
    std::vector<Frame> flood;
    for (int i = 0; i < 1500; ++i)
        flood.push_back(client(2, 1000 + i, "S"));
    // A second's worth, and a tick's.
    const std::size_t refused = box.pass(0, flood, 32).size();
    EXPECT_LE(refused, 1063U);
    EXPECT_GE(box.dropped(Drop::refusal_limited), 1500U - 1063U);
    EXPECT_EQ(box.packets_in_use(), 0U);
}

TEST(Worker, AFloodThatItRefusesDoesNotSilencePathMtuDiscovery) {
    InProcess box;
    box.request(kService);
    box.request(server_add("203.0.113.10", "10.0.0.100"));
    box.pass(0, {client(2, 999, "S")}, 1);
    const Frame big = *frame_of("tcp 198.51.100.2:999 > 203.0.113.10:80 A seq=2 ack=1 len=1500 df");
    std::vector<Frame> flood;
    for (int i = 0; i < 1500; ++i)
        flood.push_back(client(2, 1000 + i, "A"));
    EXPECT_LE(box.pass(0, flood, 32).size(), 1063U);
    EXPECT_EQ(box.pass(0, {client(2, 3000, "A")}, 1).size(), 0U) << "no reset is left";
    EXPECT_EQ(box.pass(0, {big}, 1).size(), 1U);
    EXPECT_EQ(box.dropped(Drop::too_big), 1U);
    // Nor is there any number of those.
    EXPECT_LE(box.pass(0, std::vector<Frame>(1500, big), 32).size(), 1063U);
    EXPECT_EQ(box.packets_in_use(), 0U);
}

}  // namespace
}  // namespace usher::test
