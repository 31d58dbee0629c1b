// SPDX-License-Identifier: BSD-3-Clause
// The steering program, run by the kernel on made-up frames (BPF_PROG_TEST_RUN). Nothing reads the
// queues here, so its verdict is always "to the kernel"; what it decided is told by its counters:
// kWorker below stands for "would go to a worker".
#include "dataplane/steering.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>

#include "dataplane/steer_object.hpp"
#include "tests/attach/frames.hpp"

namespace usher {
namespace {

using namespace frames;

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kIcmp6 = 58;
constexpr auto kWorker = STEERING_NO_WORKER;
constexpr const char* kClient = "198.51.100.7";
constexpr const char* kVip = "203.0.113.10";
constexpr const char* kServer = "10.0.0.100";
constexpr const char* kBox = "10.0.0.1";
constexpr const char* kClient6 = "2001:db8:1::7";
constexpr const char* kVip6 = "2001:db8::10";
constexpr const char* kServer6 = "fd00::100";
constexpr const char* kOutside = "203.0.113.2";
constexpr const char* kPool = "203.0.113.20";
constexpr const char* kPool6 = "2001:db8::20";
constexpr const char* kInside = "10.0.0.55";
constexpr const char* kFar = "192.0.2.53";
constexpr const char* kFar6 = "2001:db8:9::53";

struct SocketAddress {
    SocketAddress(int family, const char* text) {
        bytes.ss_family = static_cast<sa_family_t>(family);
        void* at = family == AF_INET
                       ? static_cast<void*>(&reinterpret_cast<sockaddr_in*>(&bytes)->sin_addr)
                       : &reinterpret_cast<sockaddr_in6*>(&bytes)->sin6_addr;
        EXPECT_EQ(inet_pton(family, text, at), 1);
    }
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&bytes); }
    // In the same place in both families.
    std::uint16_t port() { return ntohs(reinterpret_cast<sockaddr_in*>(&bytes)->sin_port); }

    sockaddr_storage bytes{};
    socklen_t size = sizeof(bytes);
};

// The kernel's, from an address of the box to its peer's: both are this machine's here.
class OwnConnection {
  public:
    OwnConnection(int family, const char* box, const char* peer)
        : listener_(socket(family, SOCK_STREAM, 0)), client_(socket(family, SOCK_STREAM, 0)) {
        SocketAddress here(family, box);
        SocketAddress there(family, peer);
        EXPECT_EQ(bind(listener_.get(), there.get(), there.size), 0);
        EXPECT_EQ(listen(listener_.get(), 1), 0);
        EXPECT_EQ(getsockname(listener_.get(), there.get(), &there.size), 0);
        EXPECT_EQ(bind(client_.get(), here.get(), here.size), 0);
        EXPECT_EQ(connect(client_.get(), there.get(), there.size), 0);
        EXPECT_EQ(getsockname(client_.get(), here.get(), &here.size), 0);
        port = here.port();
        peer_port = there.port();
    }

    std::uint16_t port = 0;
    std::uint16_t peer_port = 0;

  private:
    UniqueFd listener_, client_;
};

class SteeringTest : public testing::Test {
  protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "needs root";
        object_ = bpf_object__open_mem(kSteerObject, sizeof(kSteerObject), nullptr);
        ASSERT_NE(object_, nullptr);
        ASSERT_EQ(bpf_object__load(object_), 0);
        program_ = bpf_program__fd(bpf_object__next_program(object_, nullptr));
        std::vector<int> maps;
        for (auto* map = bpf_object__next_map(object_, nullptr); map != nullptr;
             map = bpf_object__next_map(object_, map))
            maps.push_back(bpf_map__fd(map));
        steering_ = std::make_unique<Steering>(Steering::of_maps(maps).value());
        ASSERT_TRUE(steering_->update(usual()));
    }
    void TearDown() override { bpf_object__close(object_); }

    static SteeringSet usual() {
        return {.services = {{Protocol::tcp, ip(kVip), 80},
                             {Protocol::udp, ip(kVip), 53},
                             {Protocol::tcp, ip("203.0.113.11"), 0},
                             {Protocol::tcp, ip(kVip6), 80}},
                .servers = {{Protocol::tcp, ip(kServer), 8080},
                            {Protocol::udp, ip(kServer), 53},
                            {Protocol::tcp, ip("10.0.0.101"), 0},
                            {Protocol::tcp, ip(kServer6), 8080}},
                .local_addresses = {ip(kVip), ip(kBox), ip(kVip6), ip("fd00::1")},
                .local_macs = {MacAddress{{2, 0, 0, 0, 0, 1}}},
                .marked = {},
                .inside = {},
                .outside = {}};
    }

    // The box's own 203.0.113.2 lends some ports; 203.0.113.20 is masquerading's alone.
    static SteeringSet masquerading() {
        SteeringSet set = usual();
        set.local_addresses.push_back(ip(kOutside));
        set.inside = {Prefix::of(ip("10.0.0.0"), 24), Prefix::of(ip("10.1.0.0"), 16),
                      Prefix::of(ip("fd00::"), 64)};
        set.outside = {{ip(kOutside), 61000, 65535, 61000, 65535},
                       {ip(kPool), 1, 65535},
                       {ip(kVip), 1024, 65535},
                       {ip(kPool6), 1, 65535}};
        return set;
    }

    int run(Bytes frame) {
        if (frame.size() < 14) frame.resize(14);  // the kernel runs nothing shorter
        const auto before = steering_->counts().value();
        bpf_test_run_opts options{};
        options.sz = sizeof(options);
        options.data_in = frame.data();
        options.data_size_in = static_cast<std::uint32_t>(frame.size());
        options.repeat = 1;
        EXPECT_EQ(bpf_prog_test_run_opts(program_, &options), 0);
        EXPECT_EQ(options.retval, 2U);  // XDP_PASS
        const auto after = steering_->counts().value();
        int outcome = -1;
        for (int i = 0; i < STEERING_OUTCOMES; ++i)
            if (after[i] != before[i]) outcome = i;
        return outcome;
    }

    bpf_object* object_ = nullptr;
    int program_ = -1;
    std::unique_ptr<Steering> steering_;
};

TEST_F(SteeringTest, WhatIsForAServiceGoesToAWorker) {
    EXPECT_EQ(run(frame4(kClient, kVip, kTcp, ports(4000, 80))), kWorker);
    EXPECT_EQ(run(frame4(kClient, kVip, kUdp, ports(4000, 53))), kWorker);
    EXPECT_EQ(run(frame4(kClient, kVip, kTcp, ports(4000, 80), {.words = 15})), kWorker);
    EXPECT_EQ(run(frame4(kClient, "203.0.113.11", kTcp, ports(4000, 9))), kWorker);
    EXPECT_EQ(run(frame6(kClient6, kVip6, kTcp, ports(4000, 80))), kWorker);
}

TEST_F(SteeringTest, OtherPortsAndProtocolsOfTheServiceAddressStayWithTheKernel) {
    EXPECT_EQ(run(frame4(kClient, kVip, kTcp, ports(4000, 22))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kClient, kVip, kUdp, ports(4000, 80))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kClient, kVip, kIcmp, icmp(8, {}))), STEERING_LOCAL);
    EXPECT_EQ(run(frame6(kClient6, kVip6, kIcmp6, icmp(135, Bytes(16)))), STEERING_LOCAL);
}

TEST_F(SteeringTest, AServersAnswerGoesToAWorkerUnlessItIsForTheBox) {
    EXPECT_EQ(run(frame4(kServer, kClient, kTcp, ports(8080, 4000))), kWorker);
    EXPECT_EQ(run(frame4("10.0.0.101", kClient, kTcp, ports(9, 4000))), kWorker);
    EXPECT_EQ(run(frame6(kServer6, kClient6, kTcp, ports(8080, 4000))), kWorker);
    EXPECT_EQ(run(frame4(kServer, kBox, kTcp, ports(8080, 4000))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kServer, kClient, kTcp, ports(8081, 4000))), STEERING_OTHER);
}

TEST_F(SteeringTest, IcmpErrorsFollowThePacketTheyQuote) {
    const Bytes answered = ipv4(kVip, kClient, kTcp, ports(80, 4000), {.excess = 1000});
    const Bytes asked = ipv4(kClient, kServer, kUdp, ports(4000, 53));
    EXPECT_EQ(run(frame4("192.0.2.1", kVip, kIcmp, icmp(3, answered))), kWorker);
    EXPECT_EQ(run(frame4("192.0.2.1", kVip, kIcmp, icmp(11, answered))), kWorker);
    EXPECT_EQ(run(frame4("192.0.2.1", kVip, kIcmp, icmp(5, answered))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4("192.0.2.1", kBox, kIcmp, icmp(3, answered))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kServer, kClient, kIcmp, icmp(3, asked))), kWorker);
    EXPECT_EQ(run(frame4(kServer, kBox, kIcmp, icmp(3, asked))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kServer, kClient, kIcmp, icmp(3, answered))), STEERING_OTHER);

    const Bytes answered6 = ipv6(kVip6, kClient6, kTcp, ports(80, 4000));
    const Bytes asked6 = ipv6(kClient6, kServer6, kTcp, ports(4000, 8080));
    EXPECT_EQ(run(frame6("2001:db8:2::1", kVip6, kIcmp6, icmp(2, answered6))), kWorker);
    EXPECT_EQ(run(frame6(kServer6, kClient6, kIcmp6, icmp(1, asked6))), kWorker);
    EXPECT_EQ(run(frame6(kServer6, kClient6, kIcmp6, icmp(129, asked6))), STEERING_OTHER);
}

TEST_F(SteeringTest, WhatMayGetAMarkGoesToAWorker) {
    SteeringSet set = usual();
    set.marked = {{Protocol::tcp, Prefix::of(ip("192.0.2.0"), 24), 80, 80},
                  {Protocol::tcp, Prefix::of(ip("192.0.2.128"), 25), 443, 443},
                  {Protocol::udp, Prefix::of(ip("0.0.0.0"), 0), 5000, 6000}};
    ASSERT_TRUE(steering_->update(set));
    EXPECT_EQ(run(frame4(kClient, "192.0.2.1", kTcp, ports(4000, 80))), kWorker);
    EXPECT_EQ(run(frame4(kClient, "192.0.2.1", kTcp, ports(4000, 443))), STEERING_OTHER);
    EXPECT_EQ(run(frame4(kClient, "192.0.2.1", kUdp, ports(4000, 80))), STEERING_OTHER);
    // The longer prefix is in the shorter one: the ports of both, and what lies between.
    EXPECT_EQ(run(frame4(kClient, "192.0.2.200", kTcp, ports(4000, 80))), kWorker);
    EXPECT_EQ(run(frame4(kClient, "192.0.2.200", kTcp, ports(4000, 443))), kWorker);
    // A rule without destination does not mean the box.
    EXPECT_EQ(run(frame4(kClient, "198.51.100.99", kUdp, ports(4000, 5353))), kWorker);
    EXPECT_EQ(run(frame4(kClient, kBox, kUdp, ports(4000, 5353))), STEERING_LOCAL);
    const Bytes answered = ipv4("192.0.2.1", kClient, kTcp, ports(80, 4000));
    EXPECT_EQ(run(frame4("192.0.2.9", "192.0.2.1", kIcmp, icmp(3, answered))), kWorker);

    set.marked = {{Protocol::tcp, Prefix::of(ip("192.0.2.0"), 24), 8080, 8080}};
    ASSERT_TRUE(steering_->update(set));
    EXPECT_EQ(run(frame4(kClient, "192.0.2.1", kTcp, ports(4000, 80))), STEERING_OTHER);
    EXPECT_EQ(run(frame4(kClient, "192.0.2.200", kTcp, ports(4000, 8080))), kWorker);
    EXPECT_EQ(run(frame4(kClient, "198.51.100.99", kUdp, ports(4000, 5353))), STEERING_OTHER);
}

TEST_F(SteeringTest, AsManyMarkedDestinationsAsThereMayBeRules) {
    SteeringSet set = usual();
    for (std::uint32_t i = 0; i < 65536; ++i)
        for (const Protocol protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp})
            set.marked.push_back(
                {protocol, Prefix::of(IpAddress(Be32::from_host(0xc6120000 + i)), 32), 80, 80});
    const auto updated = steering_->update(set);
    ASSERT_TRUE(updated) << updated.error().message;
    EXPECT_EQ(run(frame4(kClient, "198.18.255.255", kUdp, ports(4000, 80))), kWorker);
}

// Of the box's own address in a prefix that rules name, exactly their ports are the workers'; what
// a rule without destination says, is not said of it.
TEST_F(SteeringTest, TheBoxsPortsBesideThoseOfMarkRulesStayItsOwn) {
    const Prefix anywhere = Prefix::of(ip("0.0.0.0"), 0);
    SteeringSet set = usual();
    set.marked = {{Protocol::tcp, anywhere, 0, 65535},
                  {Protocol::tcp, Prefix::of(ip("203.0.113.0"), 24), 80, 80},
                  {Protocol::tcp, Prefix::of(ip("203.0.113.8"), 29), 443, 443},
                  {Protocol::tcp, Prefix::of(ip(kVip), 32), 990, 991},
                  {Protocol::udp, anywhere, 0, 65535}};
    set.local_addresses.push_back(ip(kOutside));
    ASSERT_TRUE(steering_->update(set));
    const auto to = [&](const char* address, int port) {
        const auto number = static_cast<std::uint16_t>(port);
        return run(frame4(kClient, address, kTcp, ports(4000, number)));
    };
    EXPECT_EQ(to(kOutside, 80), kWorker);
    for (const int port : {22, 79, 81, 179, 443})
        EXPECT_EQ(to(kOutside, port), STEERING_LOCAL) << port;
    for (const int port : {80, 443, 990, 991})
        EXPECT_EQ(to(kVip, port), kWorker) << port;
    for (const int port : {22, 179, 442, 444, 989, 992})
        EXPECT_EQ(to(kVip, port), STEERING_LOCAL) << port;
    EXPECT_EQ(to(kBox, 80), STEERING_LOCAL);
    EXPECT_EQ(to("203.0.113.77", 22), kWorker) << "anywhere but the box";
    EXPECT_EQ(run(frame4(kClient, kOutside, kUdp, ports(4000, 22))), STEERING_LOCAL);
    const auto later = [&](const char* address, std::uint8_t protocol) {
        return run(frame4(kClient, address, protocol, Bytes(64), {.fragment = 185}));
    };
    EXPECT_EQ(later(kOutside, kTcp), kWorker);
    EXPECT_EQ(later(kOutside, kUdp), STEERING_LOCAL);
    const auto error = [&](const char* address, std::uint16_t port) {
        const Bytes quote = ipv4(address, kClient, kTcp, ports(port, 4000));
        return run(frame4("192.0.2.1", address, kIcmp, icmp(3, quote)));
    };
    EXPECT_EQ(error(kOutside, 80), kWorker);
    EXPECT_EQ(error(kOutside, 179), STEERING_LOCAL);
    EXPECT_EQ(error("203.0.113.77", 22), kWorker);

    // More ports apart than there is room for: the nearest ones and what lies between them.
    set.marked.clear();
    for (std::uint16_t i = 1; i <= STEERING_OWN_RANGES; ++i)
        set.marked.push_back({Protocol::tcp, Prefix::of(ip(kVip), 32),
                              static_cast<std::uint16_t>(i * 1000),
                              static_cast<std::uint16_t>(i * 1000)});
    ASSERT_TRUE(steering_->update(set));
    EXPECT_EQ(to(kVip, 1001), STEERING_LOCAL);
    set.marked.push_back({Protocol::tcp, Prefix::of(ip(kVip), 32), 2010, 2010});
    ASSERT_TRUE(steering_->update(set));
    for (const int port : {1000, 2000, 2005, 2010, 3000, STEERING_OWN_RANGES * 1000})
        EXPECT_EQ(to(kVip, port), kWorker) << port;
    for (const int port : {999, 1001, 1999, 2011, 3001, STEERING_OWN_RANGES * 1000 + 1})
        EXPECT_EQ(to(kVip, port), STEERING_LOCAL) << port;
}

TEST_F(SteeringTest, FramesForAnotherMachineAreTheKernels) {
    Bytes frame = frame4(kClient, kVip, kTcp, ports(4000, 80));
    EXPECT_EQ(run(frame), kWorker);
    frame[5] = 9;
    EXPECT_EQ(run(frame), STEERING_OTHER);
}

TEST_F(SteeringTest, MasqueradedPacketsGoToAWorkerAndTheBoxsOwnDoNot) {
    EXPECT_EQ(run(frame4(kInside, kFar, kUdp, ports(5353, 53))), STEERING_OTHER);
    ASSERT_TRUE(steering_->update(masquerading()));
    EXPECT_EQ(run(frame4(kInside, kFar, kUdp, ports(5353, 53))), kWorker);
    EXPECT_EQ(run(frame4(kInside, kFar, kIcmp, icmp(8, {}))), kWorker);
    EXPECT_EQ(run(frame4(kInside, kVip, kTcp, ports(5353, 80))), kWorker);
    EXPECT_EQ(run(frame4(kInside, kBox, kTcp, ports(5353, 22))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kInside, "10.1.2.3", kTcp, ports(5353, 22))), STEERING_OTHER);
    EXPECT_EQ(run(frame4("10.9.0.1", kFar, kUdp, ports(5353, 53))), STEERING_OTHER);
    EXPECT_EQ(run(frame6("fd00::55", kFar6, kUdp, ports(5353, 53))), kWorker);
    EXPECT_EQ(run(frame6("fd00::55", kFar6, kIcmp6, icmp(128, {}))), kWorker);
    EXPECT_EQ(run(frame6("fd00::55", "fd00::1", kUdp, ports(5353, 53))), STEERING_LOCAL);

    EXPECT_EQ(run(frame4(kFar, kOutside, kUdp, ports(53, 61000))), kWorker);
    EXPECT_EQ(run(frame4(kFar, kOutside, kTcp, ports(53, 65535))), kWorker);
    EXPECT_EQ(run(frame4(kFar, kOutside, kUdp, ports(53, 60999))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kFar, kOutside, kTcp, ports(53, 22))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kFar, kOutside, 132, ports(53, 61000))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kFar, kPool, kTcp, ports(53, 22))), kWorker);
    EXPECT_EQ(run(frame6(kFar6, kPool6, kTcp, ports(53, 22))), kWorker);
    EXPECT_EQ(run(frame4(kFar, kVip, kTcp, ports(53, 80))), kWorker);  // the service's
    EXPECT_EQ(run(frame4(kFar, kVip, kTcp, ports(53, 22))), STEERING_LOCAL);
}

// With other = "kernel" Linux may let somebody in to an inside host: what only that can answer, and
// what cannot be masqueraded, is not taken from it.
TEST_F(SteeringTest, WhatMasqueradingCannotHaveIsNobodys) {
    constexpr std::uint8_t kGre = 47, kSctp = 132;
    SteeringSet set = masquerading();
    ASSERT_TRUE(steering_->update(set));
    const Bytes quoted_gre = ipv4(kFar, kInside, kGre, Bytes(20));
    const auto every = [&] {
        return std::vector<int>{run(frame4(kInside, kFar, kGre, Bytes(20))),
                                run(frame4(kInside, kFar, kSctp, ports(5000, 5001))),
                                run(frame4(kInside, kFar, kGre, Bytes(64), {.fragment = 185})),
                                run(frame4(kInside, kFar, kIcmp, echo(0, 7))),
                                run(frame4(kInside, kFar, kIcmp, echo(13, 7))),
                                run(frame4(kInside, kFar, kIcmp, icmp(3, quoted_gre))),
                                run(frame6("fd00::55", kFar6, kGre, Bytes(20))),
                                run(frame6("fd00::55", kFar6, kIcmp6, echo(129, 7)))};
    };
    EXPECT_EQ(every(), std::vector<int>(8, STEERING_OTHER));
    EXPECT_EQ(run(frame4(kInside, kFar, kIcmp, echo(8, 7))), kWorker);
    EXPECT_EQ(run(frame6("fd00::55", kFar6, kIcmp6, echo(128, 7))), kWorker);
    set.other = OtherPackets::to_worker;
    ASSERT_TRUE(steering_->update(set));
    EXPECT_EQ(every(), std::vector<int>(8, kWorker));
}

TEST_F(SteeringTest, EchoRepliesGoByTheirId) {
    ASSERT_TRUE(steering_->update(masquerading()));
    EXPECT_EQ(run(frame4(kFar, kOutside, kIcmp, echo(0, 61000))), kWorker);
    EXPECT_EQ(run(frame4(kFar, kOutside, kIcmp, echo(0, 60999))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kFar, kOutside, kIcmp, echo(8, 61000))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kFar, kPool, kIcmp, echo(0, 9))), kWorker);
    EXPECT_EQ(run(frame4(kFar, kPool, kIcmp, echo(8, 9))), STEERING_OTHER);
    EXPECT_EQ(run(frame6(kFar6, kPool6, kIcmp6, echo(129, 9))), kWorker);
    EXPECT_EQ(run(frame6(kFar6, kPool6, kIcmp6, echo(128, 9))), STEERING_OTHER);
    SteeringSet fewer = masquerading();
    fewer.outside = {{ip(kOutside), 61000, 65535, 32768, 65535, 63}};
    ASSERT_TRUE(steering_->update(fewer));
    EXPECT_EQ(run(frame4(kFar, kOutside, kIcmp, echo(0, 65534))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kFar, kOutside, kIcmp, echo(0, 65535))), kWorker);
    EXPECT_EQ(run(frame4(kFar, kOutside, kIcmp, echo(0, 32767))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kFar, kOutside, kUdp, ports(53, 61000))), kWorker);
}

TEST_F(SteeringTest, IcmpErrorsAboutMasqueradedPackets) {
    ASSERT_TRUE(steering_->update(masquerading()));
    const auto quote = [](std::uint16_t port) {
        return ipv4(kOutside, kFar, kUdp, ports(port, 53), {.excess = 900});
    };
    EXPECT_EQ(run(frame4("192.0.2.1", kOutside, kIcmp, icmp(11, quote(61000)))), kWorker);
    EXPECT_EQ(run(frame4("192.0.2.1", kOutside, kIcmp, icmp(11, quote(50000)))), STEERING_LOCAL);
    const auto ping = [](std::uint8_t type, std::uint16_t id) {
        return icmp(11, ipv4(kOutside, kFar, kIcmp, echo(type, id)));
    };
    EXPECT_EQ(run(frame4("192.0.2.1", kOutside, kIcmp, ping(8, 61000))), kWorker);
    EXPECT_EQ(run(frame4("192.0.2.1", kOutside, kIcmp, ping(8, 1))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4("192.0.2.1", kOutside, kIcmp, ping(0, 61000))), STEERING_LOCAL);
    const Bytes ping6 = ipv6(kPool6, kFar6, kIcmp6, echo(128, 7));
    EXPECT_EQ(run(frame6("2001:db8:2::1", kPool6, kIcmp6, icmp(2, ping6))), kWorker);

    // From inside, by the host itself or a router before it, about what came in for it.
    const Bytes answer = ipv4(kFar, kInside, kUdp, ports(53, 5353));
    EXPECT_EQ(run(frame4(kInside, kFar, kIcmp, icmp(3, answer))), kWorker);
    EXPECT_EQ(run(frame4("172.16.0.1", kFar, kIcmp, icmp(3, answer))), kWorker);
    EXPECT_EQ(run(frame4("172.16.0.1", kFar, kIcmp, icmp(3, quote(61000)))), STEERING_OTHER);
}

TEST_F(SteeringTest, NeighbourDiscoveryIsAlwaysTheKernels) {
    SteeringSet set = masquerading();
    set.other = OtherPackets::to_worker;
    ASSERT_TRUE(steering_->update(set));
    constexpr std::uint8_t kTypes[] = {130, 133, 134, 135, 136, 137, 143};
    for (const std::uint8_t type : kTypes) {
        EXPECT_EQ(run(frame6("fd00::55", "fd00::1", kIcmp6, icmp(type, Bytes(16)))),
                  STEERING_LOCAL);
        EXPECT_EQ(run(frame6("fd00::55", kFar6, kIcmp6, icmp(type, Bytes(16)))), STEERING_OTHER);
        EXPECT_EQ(run(frame6("fe80::1", kPool6, kIcmp6, icmp(type, Bytes(16)))), STEERING_OTHER);
    }
}

TEST_F(SteeringTest, WhatIsNobodysIsTheWorkersOnlyIfSaid) {
    SteeringSet set = usual();
    const auto every = [&] {
        return std::vector<int>{run(frame4(kClient, kFar, kTcp, ports(1, 2))),
                                run(frame4(kClient, kFar, 47, Bytes(20))),
                                run(frame4(kClient, kFar, kUdp, Bytes(20), {.fragment = 185})),
                                run(frame4(kClient, kServer, kIcmp, icmp(8, {}))),
                                run(frame6(kClient6, kFar6, kUdp, ports(1, 2)))};
    };
    EXPECT_EQ(every(), std::vector<int>(5, STEERING_OTHER));
    set.other = OtherPackets::to_worker;
    ASSERT_TRUE(steering_->update(set));
    EXPECT_EQ(every(), std::vector<int>(5, kWorker));
    EXPECT_EQ(run(frame4(kClient, kVip, kTcp, ports(1, 22))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kClient, kServer, kUdp, ports(67, 68))), STEERING_OTHER);
    EXPECT_EQ(run(frame4(kClient, "255.255.255.255", kUdp, ports(1, 2))), STEERING_OTHER);
    EXPECT_EQ(run(frame4(kClient, "224.0.0.18", 112, Bytes(20))), STEERING_OTHER);
    EXPECT_EQ(run(frame4(kClient, "169.254.0.1", kUdp, ports(1, 2))), STEERING_OTHER);
    EXPECT_EQ(run(frame6(kClient6, "fe80::9", kUdp, ports(1, 2))), STEERING_OTHER);
    EXPECT_EQ(run(frame6("fe80::9", kFar6, kUdp, ports(1, 2))), STEERING_OTHER);
    EXPECT_EQ(run(frame6(kClient6, "ff0e::9", kUdp, ports(1, 2))), STEERING_OTHER);
    set.other = OtherPackets::to_kernel;
    ASSERT_TRUE(steering_->update(set));
    EXPECT_EQ(every(), std::vector<int>(5, STEERING_OTHER));
}

// Both ends of a control connection have been seen: then their other ports are the workers', too.
TEST_F(SteeringTest, FtpDataFollowsItsControlConnection) {
    SteeringSet set = usual();
    set.services.push_back({Protocol::tcp, ip(kVip), 21, true});
    set.services.push_back({Protocol::tcp, ip(kVip6), 21, true});
    set.servers.push_back({Protocol::tcp, ip(kServer), 21, true});
    set.servers.push_back({Protocol::tcp, ip(kServer), 20});
    ASSERT_TRUE(steering_->update(set));
    const Bytes data = frame4(kClient, kVip, kTcp, ports(4001, 40205));
    const Bytes answer = frame4(kServer, kClient, kTcp, ports(40205, 4001));
    const Bytes error =
        frame4("192.0.2.1", kVip, kIcmp, icmp(3, ipv4(kVip, kClient, kTcp, ports(40205, 4001))));
    EXPECT_EQ(run(data), STEERING_LOCAL);
    EXPECT_EQ(run(answer), STEERING_OTHER);
    EXPECT_EQ(run(error), STEERING_LOCAL);

    EXPECT_EQ(run(frame4(kClient, kVip, kTcp, ports(4000, 21))), kWorker);
    EXPECT_EQ(run(frame4(kServer, kClient, kTcp, ports(21, 4000))), kWorker);
    EXPECT_EQ(run(data), kWorker);
    EXPECT_EQ(run(answer), kWorker);
    EXPECT_EQ(run(error), kWorker);
    EXPECT_EQ(run(frame4(kClient, kVip, kTcp, ports(51201, 20))), kWorker);
    EXPECT_EQ(run(frame4(kClient, kVip, kTcp, ports(4001, 22))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kClient, kVip, kUdp, ports(4001, 40205))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4("198.51.100.8", kVip, kTcp, ports(4001, 40205))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kClient, kBox, kTcp, ports(4001, 40205))), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kServer, kBox, kTcp, ports(40205, 4001))), STEERING_LOCAL);

    EXPECT_EQ(run(frame6(kClient6, kVip6, kTcp, ports(4001, 40205))), STEERING_LOCAL);
    EXPECT_EQ(run(frame6(kClient6, kVip6, kTcp, ports(4000, 21))), kWorker);
    EXPECT_EQ(run(frame6(kClient6, kVip6, kTcp, ports(4001, 40205))), kWorker);

    ASSERT_TRUE(steering_->update(usual()));
    EXPECT_EQ(run(data), STEERING_LOCAL);
}

// Whoever forges its peer's address once, must not cut what the box has with it.
TEST_F(SteeringTest, TheBoxsOwnConnectionsAreNoFtpData) {
    const char* box = "127.0.0.1";
    const char* peer = "127.0.0.2";
    SteeringSet set = usual();
    for (const char* own : {box, "::1"}) {
        set.services.push_back({Protocol::tcp, ip(own), 21, true});
        set.local_addresses.push_back(ip(own));
    }
    set.servers.push_back({Protocol::tcp, ip(kServer), 21, true});
    ASSERT_TRUE(steering_->update(set));

    const auto other = [](int port) { return static_cast<std::uint16_t>(port ^ 1); };
    const OwnConnection own(AF_INET, box, peer);
    const Bytes data = frame4(peer, box, kTcp, ports(own.peer_port, other(own.port)));
    const auto error = [&](std::uint16_t port) {
        const Bytes quote = ipv4(box, peer, kTcp, ports(port, own.peer_port));
        return run(frame4("192.0.2.1", box, kIcmp, icmp(3, quote)));
    };
    EXPECT_EQ(run(data), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(peer, box, kTcp, ports(1234, 21))), kWorker);
    EXPECT_EQ(run(data), kWorker);
    EXPECT_EQ(error(other(own.port)), kWorker);
    EXPECT_EQ(run(frame4(peer, box, kTcp, ports(own.peer_port, own.port))), STEERING_LOCAL);
    EXPECT_EQ(error(own.port), STEERING_LOCAL);

    const OwnConnection own6(AF_INET6, "::1", "::1");
    EXPECT_EQ(run(frame6("::1", "::1", kTcp, ports(1234, 21))), kWorker);
    EXPECT_EQ(run(frame6("::1", "::1", kTcp, ports(own6.peer_port, other(own6.port)))), kWorker);
    EXPECT_EQ(run(frame6("::1", "::1", kTcp, ports(own6.peer_port, own6.port))), STEERING_LOCAL);
}

TEST_F(SteeringTest, LaterFragmentsGoByTheirAddresses) {
    EXPECT_EQ(run(frame4(kClient, kVip, kUdp, Bytes(64), {.fragment = 185})), kWorker);
    EXPECT_EQ(run(frame4(kServer, kClient, kUdp, Bytes(64), {.fragment = 185})), kWorker);
    EXPECT_EQ(run(frame4(kServer, kBox, kUdp, Bytes(64), {.fragment = 185})), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kClient, kVip, kIcmp, Bytes(64), {.fragment = 185})), STEERING_LOCAL);
    EXPECT_EQ(run(frame4(kClient, "203.0.113.11", kUdp, Bytes(64), {.fragment = 185})),
              STEERING_OTHER);
    EXPECT_EQ(run(frame4(kClient, kServer, kUdp, Bytes(64), {.fragment = 185})), STEERING_OTHER);
    EXPECT_EQ(run(frame4(kInside, kFar, kIcmp, Bytes(64), {.fragment = 185})), STEERING_OTHER);

    const Bytes later = join({kTcp, 0, 0x05, 0xc8, 0, 0, 0, 1}, Bytes(64));
    const Bytes first = join({kTcp, 0, 0x00, 0x01, 0, 0, 0, 1}, ports(4000, 80));
    EXPECT_EQ(run(frame6(kClient6, kVip6, 44, later)), kWorker);
    EXPECT_EQ(run(frame6(kServer6, kClient6, 44, later)), kWorker);
    EXPECT_EQ(run(frame6(kClient6, kVip6, 44, first)), kWorker);

    SteeringSet set = masquerading();
    set.marked = {{Protocol::tcp, Prefix::of(ip("192.0.2.0"), 24), 80, 80}};
    ASSERT_TRUE(steering_->update(set));
    EXPECT_EQ(run(frame4(kInside, kFar, kIcmp, Bytes(64), {.fragment = 185})), kWorker);
    EXPECT_EQ(run(frame4(kFar, kPool, kIcmp, Bytes(64), {.fragment = 185})), kWorker);
    EXPECT_EQ(run(frame4(kFar, kPool, 47, Bytes(64), {.fragment = 185})), STEERING_OTHER);
    EXPECT_EQ(run(frame4(kClient, kFar, kTcp, Bytes(64), {.fragment = 185})), kWorker);
}

TEST_F(SteeringTest, LaterFragmentsFollowTheFirst) {
    const auto with = [](std::uint16_t fragment) { return Ipv4Options{.fragment = fragment}; };
    const auto first = [&](std::uint16_t port) {
        return frame4(kClient, kVip, kUdp, ports(1, port), with(0x2000));
    };
    const Bytes later = frame4(kClient, kVip, kUdp, Bytes(64), with(0x2000 | 185));
    const Bytes last = frame4(kClient, kVip, kUdp, Bytes(64), with(370));
    // The box's own: from now on the id is known.
    EXPECT_EQ(run(first(54)), STEERING_LOCAL);
    EXPECT_EQ(run(later), STEERING_LOCAL);
    EXPECT_EQ(run(last), STEERING_LOCAL);
    EXPECT_EQ(run(frame4("198.51.100.8", kVip, kUdp, Bytes(64), with(370))), kWorker);
    // The same id again, now of the service's.
    EXPECT_EQ(run(first(53)), kWorker);
    EXPECT_EQ(run(last), kWorker);

    // A server's packet that is nobody's, and one of a service with later fragments that look so.
    EXPECT_EQ(run(frame4(kServer, kClient, kUdp, ports(99, 1), with(0x2000))), STEERING_OTHER);
    EXPECT_EQ(run(frame4(kServer, kClient, kUdp, Bytes(64), with(185))), STEERING_OTHER);

    const auto frame = [](std::uint8_t id, std::uint16_t offset, const Bytes& payload) {
        Bytes header = {kTcp, 0};
        put16(header, offset);
        return frame6(kClient6, kVip6, 44, join(join(header, {0, 0, 0, id}), payload));
    };
    EXPECT_EQ(run(frame(7, 1, ports(4000, 22))), STEERING_LOCAL);
    EXPECT_EQ(run(frame(7, 0x5c8, Bytes(64))), STEERING_LOCAL);
    EXPECT_EQ(run(frame(8, 0x5c8, Bytes(64))), kWorker);
}

TEST_F(SteeringTest, ExtensionHeadersAreWalkedButNotForEver) {
    const Bytes hop = {kTcp, 0, 0, 0, 0, 0, 0, 0};
    EXPECT_EQ(run(frame6(kClient6, kVip6, 0, join(hop, ports(4000, 80)))), kWorker);
    const Bytes authentication = join({kTcp, 4}, Bytes(22));
    EXPECT_EQ(run(frame6(kClient6, kVip6, 51, join(authentication, ports(4000, 80)))), kWorker);
    Bytes chain;
    for (int i = 0; i < 10; ++i)
        chain = join({60, 0, 0, 0, 0, 0, 0, 0}, chain);
    EXPECT_EQ(run(frame6(kClient6, kVip6, 60, join(chain, ports(4000, 80)))), STEERING_LOCAL);
    const Bytes liar = {kTcp, 255, 0, 0, 0, 0, 0, 0};
    EXPECT_EQ(run(frame6(kClient6, kVip6, 0, join(liar, ports(4000, 80)))), STEERING_MALFORMED);
}

TEST_F(SteeringTest, EverythingElseStaysWithTheKernel) {
    const Bytes packet = ipv4(kClient, kVip, kTcp, ports(4000, 80));
    EXPECT_EQ(run(ethernet(packet, 0x0806)), STEERING_OTHER);
    EXPECT_EQ(run(ethernet(join({0, 5, 8, 0}, packet), 0x8100)), STEERING_OTHER);
    EXPECT_EQ(run(ethernet(packet, 0x0800, 0xff)), STEERING_OTHER);
    EXPECT_EQ(run(ethernet(packet, 0x86dd)), STEERING_MALFORMED);
    EXPECT_EQ(run(ethernet({}, 0x0800)), STEERING_MALFORMED);
    EXPECT_EQ(run(frame4(kClient, kVip, kTcp, ports(4000, 80), {.words = 4})), STEERING_MALFORMED);
    EXPECT_EQ(run(frame4(kClient, kVip, kTcp, ports(4000, 80), {.version = 5})),
              STEERING_MALFORMED);
    EXPECT_EQ(run(frame4(kClient, kVip, kTcp, ports(4000, 80), {.excess = 1})), STEERING_MALFORMED);
    EXPECT_EQ(run(frame4(kClient, kVip, kTcp, {0x0f, 0xa0})), STEERING_MALFORMED);
}

TEST_F(SteeringTest, ATagIsLookedBehindWhenItsVlanIsOurs) {
    const Bytes plain = frame4(kClient, kVip, kTcp, ports(4000, 80));
    const Bytes plain6 = frame6(kServer6, kClient6, kTcp, ports(8080, 4000));
    const Bytes error =
        frame4("192.0.2.1", kVip, kIcmp, icmp(3, ipv4(kVip, kClient, kTcp, ports(80, 4000))));
    EXPECT_EQ(run(tagged(plain, 10)), STEERING_OTHER);
    SteeringSet set = usual();
    set.vlans = {10, 4094};
    ASSERT_TRUE(steering_->update(set));
    for (const Bytes& frame : {plain, plain6, error}) {
        EXPECT_EQ(run(frame), kWorker);
        EXPECT_EQ(run(tagged(frame, 10)), kWorker);
        EXPECT_EQ(run(tagged(frame, 4094)), kWorker);
        EXPECT_EQ(run(tagged(frame, 0xe000 | 10)), kWorker) << "whatever its priority";
        EXPECT_EQ(run(tagged(frame, 11)), STEERING_OTHER);
        EXPECT_EQ(run(tagged(frame, 0)), kWorker) << "a priority alone";
        EXPECT_EQ(run(tagged(frame, 0xe000)), kWorker);
        EXPECT_EQ(run(tagged(frame, 10, 0x88a8)), STEERING_OTHER);
        EXPECT_EQ(run(tagged(tagged(frame, 10), 10)), STEERING_OTHER) << "two tags";
    }
    EXPECT_EQ(run(tagged(frame4(kClient, kVip, kTcp, ports(4000, 22)), 10)), STEERING_LOCAL);
    EXPECT_EQ(run(tagged(ethernet(Bytes(28), 0x0806), 10)), STEERING_OTHER) << "ARP";
    const Bytes whole = tagged(plain, 10);
    for (std::size_t size = 14; size < whole.size(); ++size)
        EXPECT_NE(run(Bytes(whole.begin(), whole.begin() + size)), kWorker) << size;
    set.vlans = {4094};
    ASSERT_TRUE(steering_->update(set));
    EXPECT_EQ(run(tagged(plain, 10)), STEERING_OTHER);
    EXPECT_EQ(run(tagged(plain, 4094)), kWorker);
}

TEST_F(SteeringTest, WhatHasNoTagIsTheKernelsWhenOnlyVlansAreOurs) {
    const Bytes plain = frame4(kClient, kVip, kTcp, ports(4000, 80));
    SteeringSet set = usual();
    set.untagged = Untagged::kernels;
    set.vlans = {10};
    set.other = OtherPackets::to_worker;
    ASSERT_TRUE(steering_->update(set));
    EXPECT_EQ(run(plain), STEERING_OTHER);
    EXPECT_EQ(run(tagged(plain, 0xe000)), STEERING_OTHER);
    EXPECT_EQ(run(tagged(plain, 10)), kWorker);
    EXPECT_EQ(run(tagged(frame4(kClient, kFar, kTcp, ports(1, 2)), 10)), kWorker);
    EXPECT_EQ(run(frame4(kClient, kFar, kTcp, ports(1, 2))), STEERING_OTHER);
}

TEST_F(SteeringTest, EveryCutOfEveryFrameIsSurvived) {
    const Bytes quoted = ipv4(kVip, kClient, kTcp, ports(80, 4000));
    const Bytes hop = {44, 0, 0, 0, 0, 0, 0, 0};
    const Bytes fragment = {kTcp, 0, 0, 1, 0, 0, 0, 1};
    const std::vector<Bytes> whole = {
        frame4(kClient, kVip, kTcp, ports(4000, 80)),
        frame4("192.0.2.1", kVip, kIcmp, icmp(3, quoted)),
        frame6(kClient6, kVip6, 0, join(hop, join(fragment, ports(4000, 80)))),
    };
    for (const Bytes& frame : whole) {
        EXPECT_EQ(run(frame), kWorker);
        for (std::size_t size = 14; size < frame.size(); ++size)
            EXPECT_EQ(run(Bytes(frame.begin(), frame.begin() + size)), STEERING_MALFORMED) << size;
    }
}

TEST_F(SteeringTest, NoiseIsSurvived) {
    SteeringSet set = masquerading();
    set.other = OtherPackets::to_worker;
    ASSERT_TRUE(steering_->update(set));
    std::mt19937 random(1);
    const Bytes start = frame6(kClient6, kVip6, 0, Bytes(80));
    for (int round = 0; round < 2000; ++round) {
        Bytes frame = start;
        for (int i = 0; i < 8; ++i)
            frame[12 + random() % (frame.size() - 12)] = random() & 0xff;
        EXPECT_GE(run(frame), 0);
    }
}

TEST_F(SteeringTest, UpdatesAddAndRemove) {
    const Bytes to_443 = frame4(kClient, kVip, kTcp, ports(4000, 443));
    const Bytes to_80 = frame4(kClient, kVip, kTcp, ports(4000, 80));
    EXPECT_EQ(run(to_443), STEERING_LOCAL);
    SteeringSet wanted = usual();
    wanted.services.push_back({Protocol::tcp, ip(kVip), 443});
    ASSERT_TRUE(steering_->update(wanted));
    EXPECT_EQ(run(to_443), kWorker);
    EXPECT_EQ(run(to_80), kWorker);
    wanted.services = {wanted.services.back()};
    ASSERT_TRUE(steering_->update(wanted));
    EXPECT_EQ(run(to_443), kWorker);
    EXPECT_EQ(run(to_80), STEERING_LOCAL);
    ASSERT_TRUE(steering_->update({}));
    EXPECT_EQ(run(to_443), STEERING_OTHER);
}

TEST_F(SteeringTest, UpdatesChangeWhatIsMasqueraded) {
    const Bytes out = frame4(kInside, kFar, kUdp, ports(5353, 53));
    const Bytes back = frame4(kFar, kOutside, kUdp, ports(53, 61000));
    SteeringSet wanted = masquerading();
    ASSERT_TRUE(steering_->update(wanted));
    EXPECT_EQ(run(out), kWorker);
    EXPECT_EQ(run(back), kWorker);
    wanted.inside = {Prefix::of(ip("10.0.1.0"), 24)};
    wanted.outside = {{ip(kOutside), 62000, 65535}};
    ASSERT_TRUE(steering_->update(wanted));
    EXPECT_EQ(run(out), STEERING_OTHER);
    EXPECT_EQ(run(back), STEERING_LOCAL);
    for (std::uint32_t i = 0; i <= STEERING_MAX_OUTSIDE; ++i)
        wanted.outside.push_back({IpAddress(Be32::from_host(0x0b000000 + i)), 1, 2});
    wanted.inside.clear();
    const auto updated = steering_->update(wanted);
    ASSERT_FALSE(updated);
    EXPECT_EQ(updated.error().code, Errc::no_space);
    EXPECT_EQ(run(frame4("10.0.1.1", kFar, kUdp, ports(5353, 53))), kWorker);
    EXPECT_EQ(run(frame4(kFar, "11.0.0.0", kUdp, ports(53, 1))), STEERING_OTHER);
}

TEST_F(SteeringTest, AFullMapIsAnErrorAndChangesNothing) {
    SteeringSet wanted = usual();
    wanted.servers.clear();
    for (std::uint32_t i = 0; i <= STEERING_MAX_LOCALS; ++i)
        wanted.local_addresses.push_back(IpAddress(Be32::from_host(0x0b000000 + i)));
    const auto updated = steering_->update(wanted);
    ASSERT_FALSE(updated);
    EXPECT_EQ(updated.error().code, Errc::no_space);
    EXPECT_EQ(run(frame4(kServer, kClient, kTcp, ports(8080, 4000))), kWorker);
    EXPECT_EQ(run(frame4(kClient, "11.0.0.0", kTcp, ports(4000, 80))), STEERING_OTHER);
    ASSERT_TRUE(steering_->update(usual()));
}

}  // namespace
}  // namespace usher
