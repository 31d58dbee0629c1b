// SPDX-License-Identifier: BSD-3-Clause
// Short scenarios of what no recorded one holds.
#include "tools/replay_player/player.hpp"

#include <gtest/gtest.h>

namespace usher::replay {
namespace {

using nlohmann::json;

class PlayerTest : public testing::TestWithParam<unsigned> {
  protected:
    json play(const char* text) const {
        const auto scenario = read_scenario(json::parse(text), "any");
        if (!scenario) throw std::runtime_error(scenario.error().message);
        const auto record = Player(GetParam()).play(*scenario);
        if (!record) throw std::runtime_error(record.error().message);
        return *record;
    }
};

// The second gets another port towards the server.
TEST_P(PlayerTest, OneClientPortAtTwoServicesOfOneServer) {
    const json results = play(R"({"setup": [
        "-A -t 10.9.0.1:80 -s rr", "-a -t 10.9.0.1:80 -r 10.2.0.11:80 -m",
        "-A -t 10.9.0.2:80 -s rr", "-a -t 10.9.0.2:80 -r 10.2.0.11:80 -m",
        "-A -u 10.9.0.1:53 -s rr", "-a -u 10.9.0.1:53 -r 10.2.0.11:53 -m",
        "-A -u 10.9.0.2:53 -s rr", "-a -u 10.9.0.2:53 -r 10.2.0.11:53 -m"], "events": [
        {"op": "connect", "id": 0, "src": "10.1.0.5", "sport": 4001, "dst": "10.9.0.1", "dport": 80},
        {"op": "connect", "id": 1, "src": "10.1.0.5", "sport": 4001, "dst": "10.9.0.2", "dport": 80},
        {"op": "data", "id": 0}, {"op": "data", "id": 1},
        {"op": "close", "id": 1}, {"op": "close", "id": 0},
        {"op": "connect", "id": 2, "proto": "udp", "src": "10.1.0.5", "sport": 4001,
         "dst": "10.9.0.1", "dport": 53},
        {"op": "connect", "id": 3, "proto": "udp", "src": "10.1.0.5", "sport": 4001,
         "dst": "10.9.0.2", "dport": 53}]})")["results"];
    for (const std::size_t connect : {0, 1})
        EXPECT_EQ(results[connect]["rs"], "10.2.0.11:80") << connect;
    for (const std::size_t data : {2, 3})
        EXPECT_EQ(results[data].value("reply", false), true) << results[data];
    for (const std::size_t close : {4, 5})
        EXPECT_FALSE(results[close].contains("err")) << results[close];
    for (const std::size_t datagram : {6, 7}) {
        EXPECT_EQ(results[datagram]["rs"], "10.2.0.11:53") << datagram;
        EXPECT_EQ(results[datagram]["reply"], true) << datagram;
    }
}

// Both are called "FWM 7": only what changed is told.
TEST_P(PlayerTest, OneMarkOfTwoFamilies) {
    const json results = play(R"({"ctl": [
        "iptables -t mangle -A PREROUTING -j MARK --set-mark 7",
        "ip6tables -t mangle -A PREROUTING -j MARK --set-mark 7"], "setup": [
        "-A -f 7 -s rr", "-a -f 7 -r 10.2.0.11:0 -m",
        "-A -f 7 -6 -s rr", "-a -f 7 -6 -r [fd00:2::11]:0 -m"], "events": [
        {"op": "sleep", "s": 1},
        {"op": "connect", "id": 0, "src": "10.1.0.5", "sport": 4001, "dst": "10.9.0.1", "dport": 80},
        {"op": "connect", "id": 1, "src": "fd00:1::5", "sport": 4001, "dst": "fd00:9::1",
         "dport": 80}]})")["results"];
    EXPECT_FALSE(results[0].contains("st")) << results[0];
    EXPECT_EQ(results[1]["st"]["FWM 7"], json::parse(R"([["10.2.0.11:0", 1, 1, 0]])"));
    EXPECT_EQ(results[2]["st"]["FWM 7"], json::parse(R"([["[fd00:2::11]:0", 1, 1, 0]])"));
}

// Which was deleted before expire_nodest_conn was set: it comes back to its client.
TEST_P(PlayerTest, ExpireNodestAfterADeletion) {
    const json results = play(R"({"setup": ["-A -t 10.9.0.1:80 -s rr",
        "-a -t 10.9.0.1:80 -r 10.2.0.11:80 -m", "-a -t 10.9.0.1:80 -r 10.2.0.12:80 -m"], "events": [
        {"op": "connect", "id": 0, "src": "10.1.0.5", "sport": 4001, "dst": "10.9.0.1", "dport": 80},
        {"op": "connect", "id": 1, "src": "10.1.0.5", "sport": 4002, "dst": "10.9.0.1", "dport": 80},
        {"op": "ipvsadm", "args": "-d -t 10.9.0.1:80 -r 10.2.0.12:80"},
        {"op": "sysctl", "key": "net.ipv4.vs.expire_nodest_conn", "value": 1},
        {"op": "sleep", "s": 2},
        {"op": "ipvsadm", "args": "-a -t 10.9.0.1:80 -r 10.2.0.12:80 -m"},
        {"op": "data", "id": 0}, {"op": "data", "id": 1}]})")["results"];
    EXPECT_EQ(results[0]["rs"], "10.2.0.12:80");
    EXPECT_EQ(results[5]["st"]["TCP 10.9.0.1:80"],
              json::parse(R"([["10.2.0.12:80", 1, 1, 0], ["10.2.0.11:80", 1, 1, 0]])"));
    EXPECT_EQ(results[6]["to_rs"], "10.2.0.12:80");
    EXPECT_EQ(results[7]["to_rs"], "10.2.0.11:80");
}

INSTANTIATE_TEST_SUITE_P(Workers, PlayerTest, testing::Values(1U, 2U));

}  // namespace
}  // namespace usher::replay
