// SPDX-License-Identifier: BSD-3-Clause
// What a case file cannot say: ports chosen at random, a full table, many packets at once.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <set>

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

TEST(Worker, IsNotToSendItsOwnBoxClientsAsAServer) {
    InProcess box;
    box.request(kService);
    for (const char* own : {"10.0.0.1", "127.0.0.1"}) {
        const std::string reply = box.request(server_add("203.0.113.10", own));
        EXPECT_NE(reply.find("EOPNOTSUPP"), std::string::npos) << reply;
        EXPECT_NE(reply.find("the box itself"), std::string::npos) << reply;
    }
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

// An operator looks at a flood: what gives way meanwhile is free again.
TEST(Worker, AListingDoesNotHoldBackMemory) {
    InProcess box(10);
    box.request(kService);
    box.request(server_add("203.0.113.10", "10.0.0.100"));
    std::vector<Frame> flood;
    for (int port = 1; port <= 2000; ++port)
        flood.push_back(client(3, port + 1000, "S"));
    box.pass(0, flood, 32);
    int rows = 0;
    box.director().each_connection([&](const ConnectionRow&) {
        box.pass(0, {client(4, ++rows + 1000, "S")}, 1);
        return true;
    });
    EXPECT_GT(rows, 900);
    EXPECT_EQ(box.dropped(Drop::table_full), 0U);
}

// A scan from the inside that nobody answers: its connections give way, and the mappings with them.
TEST(Worker, LetsMappingsWithoutAnAnswerGiveWayWhenTheTableIsFull) {
    InProcess box(8);
    box.request(kService);
    box.request(server_add("203.0.113.10", "10.0.0.100"));
    box.request(R"({"command":"masquerade.set","rules":[{"inside":["10.0.0.0/16"],)"
                R"("outside":["203.0.113.20"]}]})");
    const auto inside = [](int port, const char* flags) {
        return *frame_of(fmt::format("tcp 10.0.0.101:{} > 192.0.2.80:443 {} seq=1", port, flags));
    };
    ASSERT_EQ(box.pass(1, {inside(999, "S")}, 1).size(), 1U);
    ASSERT_EQ(
        box.pass(0, {*frame_of("tcp 192.0.2.80:443 > 203.0.113.20:999 SA seq=9 ack=2")}, 1).size(),
        1U);
    ASSERT_EQ(box.pass(1, {inside(999, "A")}, 1).size(), 1U);
    for (int port = 1; port <= 2000; ++port)
        box.pass(1, {inside(port + 1000, "S")}, 1);
    EXPECT_EQ(box.dropped(Drop::table_full), 0U);
    EXPECT_EQ(box.dropped(Drop::no_outside_port), 0U);
    EXPECT_EQ(box.pass(0, {client(4, 5000, "S"), client(4, 5000, "A")}, 1).size(), 2U);
    EXPECT_EQ(box.pass(1, {inside(999, "A")}, 1).size(), 1U) << "the one that stands";
}

// The address of the box's that the router in between sees lends the ports: no rule names it.
TEST(Worker, HidesCallersOfServersBehindARouter) {
    DirectorInProcess::Options options;
    options.routes = {
        {Prefix::of(*IpAddress::parse("10.9.0.0"), 24), *IpAddress::parse("10.0.0.107"), "int"}};
    InProcess box(options);
    box.request(kService);
    box.request(server_add("203.0.113.10", "10.9.0.5"));
    box.request(R"({"command":"masquerade.set","rules":[{"inside":["10.8.0.0/15"],)"
                R"("outside":["203.0.113.20"]}]})");
    const auto sent = box.pass(1, {*frame_of("tcp 10.9.0.6:62001 > 203.0.113.10:80 S seq=1")}, 1);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(describe(sent[0].frame), "tcp 10.0.0.1:62001 > 10.9.0.5:80 S seq=1 ttl=63");
}

// Callers are told apart by the table: nearly half of the range's ports towards one server port.
TEST(Worker, HidesManyCallersBehindOneAddressAndLeasesNoPort) {
    InProcess box(13);
    box.request(kService);
    box.request(server_add("203.0.113.10", "10.0.0.100"));
    box.request(R"({"command":"masquerade.set","rules":[{"inside":["10.0.0.0/16"]}]})");
    std::set<std::uint16_t> ports;
    for (int caller = 0; caller < 2000; ++caller) {
        const auto sent = box.pass(
            1, {*frame_of(fmt::format("tcp 10.0.0.101:{} > 203.0.113.10:80 S", 2000 + caller))}, 1);
        ASSERT_EQ(sent.size(), 1U) << caller;
        Headers headers;
        ASSERT_EQ(parse<Family::ipv4>(sent[0].frame, headers), Drop::none);
        const Flow4 flow = read_flow<Family::ipv4>(sent[0].frame.data(), headers);
        EXPECT_GE(flow.source_port.host(), 61000);
        EXPECT_TRUE(ports.insert(flow.source_port.host()).second);
    }
    for (const OutsideRow& row : box.director().outside())
        EXPECT_EQ(row.used, 0U);
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

// The table is full when a data connection is announced, and when it comes: each is for later.
TEST(Worker, KeepsFtpDataConnectionsForWhenThereIsRoom) {
    InProcess box(8);
    for (const char* port : {"21", "80"}) {
        box.request(fmt::format(R"({{"command":"service.add","service":{{"protocol":"tcp",)"
                                R"("address":"203.0.113.10","port":{}}},"options":{{}}}})",
                                port));
        box.request(
            fmt::format(R"({{"command":"server.add","service":{{"protocol":"tcp",)"
                        R"("address":"203.0.113.10","port":{0}}},)"
                        R"("server":{{"address":"10.0.0.100","port":{0}}},"options":{{}}}})",
                        port));
    }
    const auto from_client = [&](const std::string& rest) {
        return box.pass(0, {*frame_of("tcp 198.51.100.2:4001 > " + rest)}, 1).size();
    };
    const auto from_server = [&](const std::string& rest) {
        return box.pass(1, {*frame_of("tcp 10.0.0.100:21 > 198.51.100.2:4001 " + rest)}, 1).size();
    };
    from_client("203.0.113.10:21 S seq=1");
    from_server("SA seq=1 ack=2");
    from_client("203.0.113.10:21 A seq=2 ack=2");
    from_server(R"(PA seq=2 ack=2 text="220 hello\r\n")");
    int fresh = 1000;
    const auto fill_table = [&] {
        const std::uint64_t full = box.dropped(Drop::table_full);
        for (; box.dropped(Drop::table_full) == full; ++fresh)
            box.pass(0, {client(3, fresh, "S"), client(3, fresh, "A")}, 1);
    };
    const auto end_one = [&](int port) {
        box.pass(0, {client(3, port, "R")}, 1);
        box.wait(11);
        box.wait(1);
    };
    const std::string passive =
        R"(PA seq=13 ack=2 text="227 Entering Passive Mode (10,0,0,100,157,13).\r\n")";
    fill_table();
    EXPECT_EQ(from_server(passive), 0U);
    EXPECT_EQ(from_server(passive), 0U);
    EXPECT_EQ(box.dropped(Drop::ftp_full), 2U);
    end_one(1000);
    EXPECT_EQ(from_server(passive), 1U);

    fill_table();
    const std::uint64_t full = box.dropped(Drop::table_full);
    const std::string data = "203.0.113.10:40205 S seq=1";
    EXPECT_EQ(from_client(data), 0U);
    EXPECT_EQ(box.dropped(Drop::table_full), full + 1);
    end_one(1001);
    EXPECT_EQ(from_client(data), 1U);
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
    EXPECT_EQ(box.packets_in_use(), 0U);
}

TEST(Worker, AFloodOfTooLargePacketsSilencesNoOtherSource) {
    InProcess box;
    box.request(kService);
    box.request(server_add("203.0.113.10", "10.0.0.100"));
    const auto too_big = [&](int host) {
        const std::string flow = fmt::format("tcp 192.0.2.{}:999 > 203.0.113.10:80 ", host);
        box.pass(0, {*frame_of(flow + "S seq=1")}, 1);
        return *frame_of(flow + "A seq=2 ack=1 len=1500 df");
    };
    const Frame flood = too_big(2);
    EXPECT_LE(box.pass(0, std::vector<Frame>(1500, flood), 32).size(), 256U);
    EXPECT_EQ(box.pass(0, {flood}, 1).size(), 0U) << "nothing is left for it";
    std::size_t answered = 0;  // one in 256 has the same bucket
    for (const int host : {3, 4, 5, 6})
        answered += box.pass(0, {too_big(host)}, 1).size();
    EXPECT_GE(answered, 2U);
    box.wait(1);
    EXPECT_EQ(box.pass(0, {flood}, 1).size(), 1U) << "a second later there is more";
    // Nor is there any number of them for all together.
    std::vector<Frame> all;
    for (int host = 7; host < 37; ++host)
        all.insert(all.end(), 100, too_big(host));
    EXPECT_LE(box.pass(0, all, 32).size(), 1126U);
    EXPECT_EQ(box.packets_in_use(), 0U);
}

}  // namespace
}  // namespace usher::test
