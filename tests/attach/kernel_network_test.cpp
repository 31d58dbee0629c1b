// SPDX-License-Identifier: BSD-3-Clause
// The mirror against the real kernel, in a network namespace that only this test sees: the test's
// thread moves into it, and it ends with the thread.
#include "control/kernel_network.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>

#include "dataplane/xdp_program.hpp"

namespace usher {
namespace {

IpAddress ip(std::string_view text) {
    return IpAddress::parse(text).value();
}

// A child inherits the namespace of the thread that makes it.
void shell(const std::string& command) {
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

// Takes news in until the condition holds; false after three seconds without.
bool becomes_true(KernelMirror& mirror, const std::function<bool(const KernelNetwork&)>& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
    while (!holds(mirror.network())) {
        if (std::chrono::steady_clock::now() > end) return false;
        pollfd waited{.fd = mirror.fd(), .events = POLLIN, .revents = 0};
        poll(&waited, 1, 100);
        EXPECT_TRUE(mirror.on_readable());
    }
    return true;
}

class KernelNetworkTest : public testing::Test {
  protected:
    void in_namespace(const std::function<void()>& body) {
        if (geteuid() != 0) GTEST_SKIP() << "needs root";
        std::thread([&] {
            ASSERT_EQ(unshare(CLONE_NEWNET), 0);
            body();
        }).join();
    }
};

TEST_F(KernelNetworkTest, LinksAddressesAndRoutesAreFollowed) {
    in_namespace([] {
        shell("ip link set lo up; ip link add a0 type veth peer name a1; ip link set a1 up");
        auto mirror = KernelMirror::open().value();
        ASSERT_NE(mirror.network().link("a0"), nullptr);
        EXPECT_FALSE(mirror.network().link("a0")->up);
        EXPECT_TRUE(mirror.network().is_local(ip("127.0.0.1")));

        shell(
            "ip link set a0 address 02:00:00:00:00:aa mtu 1400 up; ip addr add 10.9.0.1/24 dev a0;"
            "ip route add 10.8.0.0/16 via 10.9.0.2 metric 5;"
            "ip route add 10.8.0.0/16 via 10.9.0.3 metric 4;"
            "ip route add 10.7.0.0/16 nexthop via 10.9.0.2 weight 3 nexthop via 10.9.0.4;"
            "ip route add blackhole 10.6.0.0/16; ip route add default via 10.9.0.9 mtu 1300;"
            "ip -6 addr add fd00::1/64 dev a0 nodad; ip -6 route add fd01::/64 via fd00::2;"
            "ip -6 route append fd01::/64 via fd00::3; ip route add 10.5.0.0/16 dev a0 table 7");
        ASSERT_TRUE(becomes_true(mirror, [](const KernelNetwork& network) {
            const auto* route = network.route_to(ip("fd01::9"));
            return route != nullptr && route->next_hops.size() == 2;
        }));
        const KernelNetwork& network = mirror.network();
        const KernelLink& link = *network.link("a0");
        EXPECT_TRUE(link.up && link.carrier);
        EXPECT_EQ(link.mtu, 1400U);
        EXPECT_EQ(link.mac.to_string(), "02:00:00:00:00:aa");
        const KernelAddress own{link.ifindex, ip("10.9.0.1"), 24};
        EXPECT_EQ(std::count(network.addresses.begin(), network.addresses.end(), own), 1);
        EXPECT_TRUE(network.is_local(ip("fd00::1")));
        EXPECT_EQ(network.route_to(ip("10.8.1.1"))->next_hops[0].gateway, ip("10.9.0.3"));
        EXPECT_EQ(network.route_to(ip("10.9.0.77"))->next_hops[0].gateway, std::nullopt);
        EXPECT_EQ(network.route_to(ip("10.9.0.77"))->next_hops[0].ifindex, link.ifindex);
        const auto& several = network.route_to(ip("10.7.0.1"))->next_hops;
        ASSERT_EQ(several.size(), 2U);
        EXPECT_EQ(several[0].weight, 3U);
        EXPECT_EQ(several[1].gateway, ip("10.9.0.4"));
        EXPECT_TRUE(network.route_to(ip("10.6.0.1"))->next_hops.empty());
        EXPECT_EQ(network.route_to(ip("10.5.0.1"))->next_hops[0].gateway, ip("10.9.0.9"));
        EXPECT_EQ(network.route_to(ip("10.5.0.1"))->next_hops[0].mtu, 1300U);
        EXPECT_EQ(network.route_to(ip("10.8.1.1"))->next_hops[0].mtu, 0U);

        shell("ip route del 10.8.0.0/16 metric 4; ip addr add 10.9.0.5/24 dev a0");
        ASSERT_TRUE(becomes_true(mirror, [](const KernelNetwork& now) {
            return now.is_local(ip("10.9.0.5")) &&
                   now.route_to(ip("10.8.1.1"))->next_hops[0].gateway == ip("10.9.0.2");
        }));
        const auto second =
            std::find_if(network.addresses.begin(), network.addresses.end(),
                         [](const KernelAddress& each) { return each.address == ip("10.9.0.5"); });
        EXPECT_TRUE(second->secondary);
        EXPECT_FALSE(second->deprecated || second->tentative);
        shell("ip link set a0 down");  // the routes go without a word
        ASSERT_TRUE(becomes_true(mirror, [](const KernelNetwork& now) {
            return !now.link("a0")->up && now.route_to(ip("10.8.1.1")) == nullptr;
        }));
        shell("ip link del a0");
        ASSERT_TRUE(becomes_true(
            mirror, [](const KernelNetwork& now) { return now.link("a0") == nullptr; }));
        EXPECT_FALSE(mirror.on_readable().value());  // no news is no change
    });
}

TEST_F(KernelNetworkTest, NextHopObjectsAreFollowed) {
    in_namespace([] {
        shell(
            "ip link add a0 type veth peer name a1; ip link set a1 up; ip link set a0 up;"
            "ip addr add 10.9.0.1/24 dev a0;"
            "ip nexthop add id 1 via 10.9.0.2 dev a0; ip nexthop add id 2 via 10.9.0.3 dev a0;"
            "ip nexthop add id 10 group 1,3/2; ip route add 10.7.0.0/16 nhid 10");
        auto mirror = KernelMirror::open().value();
        const auto hops = [&]() -> const std::vector<KernelNextHop>& {
            return mirror.network().route_to(ip("10.7.0.1"))->next_hops;
        };
        ASSERT_EQ(hops().size(), 2U);
        EXPECT_EQ(hops()[0].weight, 3U);
        EXPECT_EQ(hops()[1].gateway, ip("10.9.0.3"));
        shell("ip nexthop replace id 10 group 2");
        EXPECT_TRUE(becomes_true(mirror, [&](const KernelNetwork&) { return hops().size() == 1; }));
        EXPECT_EQ(hops()[0].gateway, ip("10.9.0.3"));
        shell("ip nexthop replace id 2 via 10.9.0.9 dev a0");
        EXPECT_TRUE(becomes_true(
            mirror, [&](const KernelNetwork&) { return hops()[0].gateway == ip("10.9.0.9"); }));
    });
}

TEST_F(KernelNetworkTest, NextHopObjectsThatLinuxDoesNotTellAreNoticed) {
    in_namespace([] {
        shell(
            "ip link add a0 type veth peer name a1; ip link set a1 up; ip link set a0 up;"
            "ip addr add 10.9.0.1/24 dev a0; ip nexthop add id 1 via 10.9.0.2 dev a0;"
            "ip route add 10.7.0.0/16 nhid 1");
        EXPECT_EQ(KernelMirror::open().value().network().untold_route(), nullptr);
        shell("sysctl -qw net.ipv4.nexthop_compat_mode=0");
        const auto mirror = KernelMirror::open().value();
        ASSERT_NE(mirror.network().untold_route(), nullptr);
        EXPECT_EQ(mirror.network().untold_route()->destination, Prefix::of(ip("10.7.0.0"), 16));
    });
}

// a1 sits in a namespace of its own, named by the process that sleeps in it.
constexpr const char* kOtherSide =
    "ip link add a0 type veth peer name a1; ip addr add 10.9.0.1/24 dev a0; ip link set a0 up;"
    "ip -6 addr add fd00::1/64 dev a0 nodad;"
    "unshare -n sleep 30 & other=$!; sleep 0.3; ip link set a1 netns $other;"
    "nsenter -t $other -n sh -c 'ip addr add 10.9.0.2/24 dev a1;"
    " ip -6 addr add fd00::2/64 dev a1 nodad; ip link set a1 address 02:00:00:00:00:bb up';"
    "echo $other > /dev/fd/9";

TEST_F(KernelNetworkTest, NeighboursAreAskedForAndKept) {
    in_namespace([] {
        int ends[2];
        ASSERT_EQ(pipe(ends), 0);
        const UniqueFd reads(ends[0]);
        {
            const UniqueFd writes(ends[1]);
            shell("exec 9>&" + std::to_string(writes.get()) + "; " + kOtherSide);
        }
        char text[16] = {};
        ASSERT_GT(read(reads.get(), text, sizeof(text) - 1), 0);
        const std::string other = std::to_string(std::atoi(text));

        auto mirror = KernelMirror::open().value();
        ASSERT_TRUE(
            becomes_true(mirror, [](const KernelNetwork& now) { return now.link("a0")->carrier; }));
        const unsigned ifindex = mirror.network().link("a0")->ifindex;
        const NeighbourKey key{ifindex, ip("10.9.0.2")};
        const NeighbourKey key6{ifindex, ip("fd00::2")};
        EXPECT_EQ(mirror.network().neighbours.count(key), 0U);
        const auto is = [](const NeighbourKey& whose, NeighbourState state) {
            return [=](const KernelNetwork& now) {
                const auto found = now.neighbours.find(whose);
                return found != now.neighbours.end() && found->second.state == state;
            };
        };
        for (const auto& wanted : {key, key6}) {
            ASSERT_TRUE(mirror.request_neighbour(ifindex, wanted.address));
            ASSERT_TRUE(becomes_true(mirror, is(wanted, NeighbourState::usable)));
            EXPECT_EQ(mirror.network().neighbours.at(wanted).mac.to_string(), "02:00:00:00:00:bb");
        }
        const NeighbourKey nobody{ifindex, ip("10.9.0.99")};
        ASSERT_TRUE(mirror.request_neighbour(ifindex, nobody.address));
        // Linux gives up after three questions, one a second.
        const bool failed = becomes_true(mirror, is(nobody, NeighbourState::failed)) ||
                            becomes_true(mirror, is(nobody, NeighbourState::failed));
        EXPECT_TRUE(failed);

        // Let go stale by hand, a neighbour in use is asked again and confirmed.
        shell(
            "ip neigh change 10.9.0.2 lladdr 02:00:00:00:00:bb dev a0 nud stale;"
            "sysctl -qw net.ipv4.neigh.a0.delay_first_probe_time=0");
        ASSERT_TRUE(mirror.on_readable());
        ASSERT_TRUE(mirror.refresh({key}));
        shell(
            "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do"
            " ip neigh show 10.9.0.2 | grep -q REACHABLE && exit 0; sleep 0.1; done; exit 1");
        shell("ip neigh del 10.9.0.2 dev a0");
        ASSERT_TRUE(becomes_true(
            mirror, [&](const KernelNetwork& now) { return now.neighbours.count(key) == 0; }));
        ASSERT_TRUE(mirror.refresh({key}));
        ASSERT_TRUE(becomes_true(mirror, is(key, NeighbourState::usable)));
        shell("kill " + other);
    });
}

// Of all netlink sockets of this thread's namespace.
unsigned long lost_messages() {
    std::ifstream sockets("/proc/thread-self/net/netlink");
    std::string line;
    std::getline(sockets, line);
    unsigned long sum = 0;
    while (std::getline(sockets, line)) {
        std::istringstream words(line);
        const std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
        if (fields.size() == 10) sum += std::stoul(fields[8]);
    }
    return sum;
}

TEST_F(KernelNetworkTest, LostNewsAreMadeUpFor) {
    in_namespace([] {
        auto mirror = KernelMirror::open().value();
        // More news than the socket holds, read by nobody meanwhile.
        shell(
            "ip link set lo up; ip link add a0 type veth peer name a1;"
            "ip link set a1 up; ip link set a0 up;"
            "ip addr add 10.9.0.1/16 dev a0;"
            "for i in $(seq 1 30000); do echo route add 10.10.$((i / 250)).$((i % 250))/32 dev a0;"
            " done | ip -batch -;"
            "ip addr add 10.9.0.7/32 dev a0");
        EXPECT_GT(lost_messages(), 0U);
        EXPECT_TRUE(mirror.on_readable().value());
        EXPECT_TRUE(mirror.network().is_local(ip("10.9.0.7")));
        EXPECT_GT(mirror.network().routes.size(), 30000U);
        EXPECT_FALSE(mirror.on_readable().value());
    });
}

// The mirror's socket for questions, which it opened right after the one for news.
int requests_of(const KernelMirror& mirror) {
    sockaddr_nl address{};
    socklen_t size = sizeof(address);
    const int fd = mirror.fd() + 1;
    EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    EXPECT_EQ(address.nl_family, AF_NETLINK);
    return fd;
}

TEST_F(KernelNetworkTest, WhatCouldNotBeReadIsReadLater) {
    in_namespace([] {
        shell(
            "ip link set lo up; ip link add a0 type veth peer name a1; ip link set a1 up;"
            "ip link set a0 up; ip addr add 10.9.0.1/24 dev a0;"
            "ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:bb dev a0 nud permanent");
        auto mirror = KernelMirror::open().value();
        ASSERT_TRUE(mirror.on_readable());
        const NeighbourKey key{mirror.network().link("a0")->ifindex, ip("10.9.0.2")};
        ASSERT_EQ(mirror.network().neighbours.count(key), 1U);

        // All is to be read again, and nothing can be.
        const int little = 1;
        ASSERT_EQ(setsockopt(mirror.fd(), SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)), 0);
        shell("for i in $(seq 10 60); do ip addr add 10.9.0.$i/24 dev a0; done");
        ASSERT_GT(lost_messages(), 0U);
        const UniqueFd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
        ASSERT_GE(dup2(nothing.get(), requests_of(mirror)), 0);
        EXPECT_FALSE(mirror.on_readable());
        EXPECT_TRUE(mirror.is_behind());
        EXPECT_EQ(mirror.network().neighbours.count(key), 1U);
        EXPECT_FALSE(mirror.network().is_local(ip("10.9.0.60")));

        EXPECT_TRUE(mirror.on_readable().value());
        EXPECT_FALSE(mirror.is_behind());
        EXPECT_TRUE(mirror.network().is_local(ip("10.9.0.60")));
        EXPECT_EQ(mirror.network().neighbours.count(key), 1U);
        EXPECT_FALSE(mirror.on_readable().value());
    });
}

TEST_F(KernelNetworkTest, AnswersLeftOverSpoilOneQuestionAtMost) {
    in_namespace([] {
        shell("ip link set lo up");
        auto mirror = KernelMirror::open().value();
        struct {
            nlmsghdr header;
            rtgenmsg body;
        } request{};
        request.header.nlmsg_len = sizeof(request);
        request.header.nlmsg_type = RTM_GETLINK;
        request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        ASSERT_GT(send(requests_of(mirror), &request, sizeof(request), 0), 0);
        shell("ip addr add 10.9.0.1/24 dev lo");
        static_cast<void>(mirror.on_readable());
        EXPECT_TRUE(mirror.on_readable());
        EXPECT_TRUE(mirror.network().is_local(ip("10.9.0.1")));
        EXPECT_FALSE(mirror.is_behind());
    });
}

}  // namespace
}  // namespace usher
