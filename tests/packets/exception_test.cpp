// SPDX-License-Identifier: BSD-3-Clause
// What a worker leaves to Linux on a port that is all ours, and what it keeps.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>

#include "tests/packets/in_process.hpp"

namespace usher::test {
namespace {

constexpr const char* kService =
    R"({"command":"service.add","service":{"protocol":"tcp","address":"203.0.113.10","port":80},)"
    R"("options":{"scheduler":"rr"}})";
constexpr const char* kServer =
    R"({"command":"server.add","service":{"protocol":"tcp","address":"203.0.113.10","port":80},)"
    R"("server":{"address":"10.0.0.100","port":80},"options":{}})";
constexpr std::array<std::uint8_t, 6> kOurMac{2, 0, 0, 0, 0, 0xe0};  // of port 0

// Port 0 is all ours: its box is 198.51.100.1.
class Exception : public testing::Test {
  protected:
    Exception() {
        box_.request(kService);
        box_.request(kServer);
        PortAccess access = box_.worker().transmit().ports()[0];
        access.exception = &path_;
        access.keeps_exception = true;
        box_.worker().transmit().set_port(0, access);
    }
    ~Exception() override {
        PortAccess access = box_.worker().transmit().ports()[0];
        access.exception = nullptr;
        access.keeps_exception = false;
        box_.worker().transmit().set_port(0, access);
    }

    static Frame addressed(Frame frame) {
        std::copy(kOurMac.begin(), kOurMac.end(), frame.begin());
        return frame;
    }
    static Frame packet(const std::string& text) { return addressed(*frame_of(text)); }

    // What the worker sends on, and what Linux gets of it.
    struct Result {
        std::vector<std::string> sent;
        std::vector<std::string> linuxs;
    };
    Result pass(const std::vector<Frame>& frames) {
        Result result;
        for (const auto& each : box_.pass(0, frames, 32))
            result.sent.push_back(describe(each.frame));
        ExceptionPath::Batch batch;
        while (const unsigned count = path_.take_given(batch)) {
            for (unsigned i = 0; i < count; ++i) {
                const auto* data = rte_pktmbuf_mtod(batch[i], const std::uint8_t*);
                result.linuxs.push_back(describe({data, batch[i]->data_len}));
            }
            path_.give_back({batch.data(), count});
            path_.free_spent();
        }
        return result;
    }
    using Texts = std::vector<std::string>;

    InProcess box_;
    ExceptionPath path_{"test"};
};

TEST_F(Exception, ServicesAreTheWorkersAndTheBoxIsLinuxs) {
    const Result result = pass({packet("tcp 198.51.100.2:4001 > 203.0.113.10:80 S seq=1"),
                                packet("tcp 198.51.100.2:4002 > 198.51.100.1:22 S seq=1"),
                                packet("udp 198.51.100.2:4003 > 198.51.100.1:161 len=5"),
                                packet("icmp 198.51.100.2 > 198.51.100.1 8/0 query=7")});
    EXPECT_EQ(result.sent, Texts{"tcp 198.51.100.2:4001 > 10.0.0.100:80 S seq=1 ttl=63"});
    ASSERT_EQ(result.linuxs.size(), 3U);
    EXPECT_EQ(result.linuxs[0], "tcp 198.51.100.2:4002 > 198.51.100.1:22 S seq=1");
    EXPECT_EQ(result.linuxs[2], "icmp 198.51.100.2 > 198.51.100.1 8/0 query=7");
}

TEST_F(Exception, APriorityWithoutAVlanChangesNothing) {
    const Result result = pass({packet("vlan=57344 tcp 198.51.100.2:4001 > 203.0.113.10:80 S"),
                                packet("vlan=57344 tcp 198.51.100.2:4002 > 198.51.100.1:22 S")});
    EXPECT_EQ(result.sent, Texts{"tcp 198.51.100.2:4001 > 10.0.0.100:80 S ttl=63"});
    EXPECT_EQ(result.linuxs, Texts{"tcp 198.51.100.2:4002 > 198.51.100.1:22 S"});
}

// Until then a closed port's answer is what its clients get.
TEST_F(Exception, ADeletedServiceOfTheBoxIsLinuxsOnceItsConnectionsAreOver) {
    box_.request(R"({"command":"service.add","service":{"protocol":"tcp",)"
                 R"("address":"198.51.100.1","port":8080},"options":{}})");
    box_.request(R"({"command":"server.add","service":{"protocol":"tcp","address":"198.51.100.1",)"
                 R"("port":8080},"server":{"address":"10.0.0.100","port":80},"options":{}})");
    const auto opens = [&](int port) {
        return pass({packet(fmt::format("tcp 198.51.100.2:{} > 198.51.100.1:8080 S seq=1", port))});
    };
    EXPECT_EQ(opens(4001).sent, Texts{"tcp 198.51.100.2:4001 > 10.0.0.100:80 S seq=1 ttl=63"});
    box_.request(R"({"command":"service.delete","service":{"protocol":"tcp",)"
                 R"("address":"198.51.100.1","port":8080}})");
    box_.director().on_second();
    const Result closed = opens(4002);
    EXPECT_EQ(closed.sent.size(), 1U);
    EXPECT_TRUE(closed.linuxs.empty());
    box_.wait(1000);
    box_.director().on_second();
    const Result over = opens(4003);
    EXPECT_TRUE(over.sent.empty());
    EXPECT_EQ(over.linuxs, Texts{"tcp 198.51.100.2:4003 > 198.51.100.1:8080 S seq=1"});
}

TEST_F(Exception, WhatIsNoPacketForTheBoxIsLinuxsToo) {
    Frame broadcast = packet("udp 198.51.100.2:68 > 198.51.100.1:67 len=5");
    std::fill_n(broadcast.begin(), 6, std::uint8_t{0xff});
    Frame others = packet("tcp 198.51.100.2:4001 > 203.0.113.10:80 S seq=1");
    others[5] = 9;
    Frame arp(60);
    arp[12] = 0x08;
    arp[13] = 0x06;
    Frame tagged = packet("vlan=99 tcp 198.51.100.2:4001 > 203.0.113.10:80 S seq=1");
    const Result result = pass({broadcast, others, addressed(arp), tagged});
    EXPECT_TRUE(result.sent.empty());
    EXPECT_EQ(result.linuxs.size(), 4U);
}

// Frames for the box's own MAC address.
TEST_F(Exception, WhatNoRouterPassesOnIsLinuxs) {
    const std::vector<Frame> frames{
        packet("udp 198.51.100.2:5353 > 224.0.0.251:5353 len=5"),
        packet("udp 0.0.0.0:68 > 255.255.255.255:67 len=5"),
        packet("udp 198.51.100.2:123 > 169.254.0.9:123 len=5"),
        packet("icmp 198.51.100.2 > 224.0.0.1 8/0 query=7"),
        packet("udp [fe80::2]:546 > [ff02::1:2]:547 len=5"),
        packet("tcp [fe80::2]:4001 > [fe80::1]:179 S seq=1"),
        packet("icmp fe80::2 > fe80::1 128/0 query=7"),
        packet("icmp fe80::2 > fe80::1 135/0 len=16"),
        packet("udp [fe80::2]:4001 > [fe80::1]:9 len=3000 id=7 to=1440"),
        packet("udp [fe80::2]:4001 > [fe80::1]:9 len=3000 id=7 from=1440"),
    };
    const Result result = pass(frames);
    EXPECT_TRUE(result.sent.empty());
    EXPECT_EQ(result.linuxs.size(), frames.size());
}

TEST_F(Exception, ErrorsGoToWhomTheyAreAbout) {
    pass({packet("tcp 198.51.100.2:4001 > 203.0.113.10:80 S seq=1")});
    const Result result = pass(
        {packet(
             "icmp 198.51.100.254 > 203.0.113.10 3/1 { tcp 203.0.113.10:80 > 198.51.100.2:4001 A "
             "}"),
         packet("icmp 198.51.100.254 > 198.51.100.1 3/1 { udp 198.51.100.1:123 > 198.51.100.9:123 "
                "}")});
    EXPECT_EQ(result.sent.size(), 1U);
    EXPECT_EQ(result.linuxs.size(), 1U);
}

TEST_F(Exception, FragmentsStayTogether) {
    const std::string datagram = "udp 198.51.100.2:4001 > 198.51.100.1:161 len=3000 id=7 ";
    const Result result =
        pass({packet(datagram + "from=1480 to=2960"), packet(datagram + "from=0 to=1480"),
              packet(datagram + "from=2960")});
    EXPECT_TRUE(result.sent.empty());
    EXPECT_EQ(result.linuxs.size(), 3U);
}

TEST_F(Exception, WhatNobodyWantsIsDroppedOrLinuxs) {
    const Frame nobodys = packet("tcp 198.51.100.2:4001 > 192.0.2.77:80 S seq=1");
    EXPECT_TRUE(pass({nobodys}).linuxs.empty());
    EXPECT_EQ(box_.dropped(Drop::no_service), 1U);
    box_.request(R"({"command":"forwarding.set","other":"kernel"})");
    EXPECT_EQ(pass({nobodys}).linuxs.size(), 1U);
}

// It answers a connection that Linux let in.
TEST_F(Exception, AnAnswerFromInsideThatIsOfNoConnectionIsDroppedOrLinuxs) {
    box_.request(R"({"command":"masquerade.set","rules":[{"inside":["198.51.100.0/24"],)"
                 R"("outside":["203.0.113.20"]}]})");
    const Frame answer = packet("tcp 198.51.100.2:22 > 10.0.0.77:5000 SA seq=1 ack=1");
    const Frame tunnel = packet("sctp 198.51.100.2:22 > 10.0.0.77:5000 1 len=16");
    EXPECT_TRUE(pass({answer, tunnel}).linuxs.empty());
    EXPECT_EQ(box_.dropped(Drop::no_service), 1U);
    EXPECT_EQ(box_.dropped(Drop::unknown_protocol), 1U);
    box_.request(R"({"command":"forwarding.set","other":"kernel"})");
    const Result result = pass({answer, tunnel});
    EXPECT_TRUE(result.sent.empty());
    EXPECT_EQ(result.linuxs.size(), 2U);
    EXPECT_TRUE(pass({packet("tcp 198.51.100.2:4001 > 10.0.0.77:5000 S seq=1")}).linuxs.empty());
}

TEST_F(Exception, FragmentsThatNobodyWantsAreDroppedOrLinuxsTogether) {
    const auto fragments = [](const std::string& datagram) {
        return std::vector{packet(datagram + " from=1480 to=2960"),
                           packet(datagram + " from=0 to=1480"), packet(datagram + " from=2960")};
    };
    EXPECT_TRUE(
        pass(fragments("udp 198.51.100.2:4001 > 192.0.2.77:161 len=3000 id=7")).linuxs.empty());
    EXPECT_EQ(box_.dropped(Drop::no_service), 1U);
    EXPECT_EQ(box_.dropped(Drop::fragment), 2U);
    box_.request(R"({"command":"forwarding.set","other":"kernel"})");
    for (const char* datagram : {"udp 198.51.100.2:4001 > 192.0.2.77:161 len=3000 id=8",
                                 "icmp 198.51.100.2 > 192.0.2.77 8/0 query=7 len=3000 id=9",
                                 "icmp 198.51.100.2 > 192.0.2.77 0/0 query=7 len=3000 id=10",
                                 "icmp 198.51.100.2 > 198.51.100.1 8/0 query=7 len=3000 id=11",
                                 "icmp 198.51.100.2 > 198.51.100.1 3/3 len=3000 id=12"})
        EXPECT_EQ(pass(fragments(datagram)).linuxs.size(), 3U) << datagram;
    EXPECT_EQ(box_.dropped(Drop::fragment), 2U);
}

TEST_F(Exception, WhatLinuxDoesNotTakeIsCounted) {
    const std::vector<Frame> flood(ExceptionPath::kRoom + 9,
                                   packet("udp 198.51.100.2:4003 > 198.51.100.1:9 len=5"));
    const auto sent = box_.pass(0, flood, 32);
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(box_.dropped(Drop::exception_full), 10U);  // a ring has room for one less
    EXPECT_EQ(pass({}).linuxs.size(), ExceptionPath::kRoom - 1U);
}

TEST_F(Exception, WhatLinuxSendsGoesOutWithinTheBudget) {
    for (unsigned i = 0; i < ExceptionPath::kBudget + 3; ++i) {
        rte_mbuf* packet = rte_pktmbuf_alloc(process_pool());
        rte_pktmbuf_append(packet, 60);
        ASSERT_TRUE(path_.has_room());
        path_.put(packet);
    }
    box_.worker().transmit().relay();
    box_.worker().transmit().flush();
    EXPECT_FALSE(path_.nothing_from_linux());
    EXPECT_EQ(box_.pass(0, {}, 1).size(), ExceptionPath::kBudget);
    box_.worker().transmit().relay();
    box_.worker().transmit().flush();
    EXPECT_EQ(box_.pass(0, {}, 1).size(), 3U);
    EXPECT_TRUE(path_.nothing_from_linux());
}

}  // namespace
}  // namespace usher::test
