// SPDX-License-Identifier: BSD-3-Clause
// The forms in which the same scenario may be written.
#include "tools/replay_player/scenario.hpp"

#include <gtest/gtest.h>

namespace usher::replay {
namespace {

using nlohmann::json;
using Lines = std::vector<std::string>;

Scenario read(const char* text) {
    const auto scenario = read_scenario(json::parse(text), "stem");
    EXPECT_TRUE(scenario) << (scenario ? "" : scenario.error().message);
    return scenario ? *scenario : Scenario();
}

template <class Kind>
Kind first(const char* event) {
    const Scenario scenario = read((std::string(R"({"events": [)") + event + "]}").c_str());
    return scenario.events.empty() ? Kind() : std::get<Kind>(scenario.events[0]);
}

TEST(Scenario, NullIsAbsent) {
    const Scenario scenario = read(R"({"name": null, "setup": null, "ctl": null, "sysctl": null,
        "listen": null, "events": [{"op": "close", "id": 1, "how": null}]})");
    EXPECT_EQ(scenario.name, "stem");
    EXPECT_TRUE(scenario.setup.empty() && scenario.controls.empty() && scenario.settings.empty());
    EXPECT_EQ(std::get<Close>(scenario.events.at(0)).how, Close::How::fin);
    EXPECT_EQ(read(R"({"name": "mine", "events": []})").name, "mine");
}

TEST(Scenario, LinesMayBeOneText) {
    const Scenario scenario = read(R"({"setup": "-A -t 10.9.0.1:80\n\n-a -t 10.9.0.1:80\n",
        "ctl": "modprobe ip_vs", "events": []})");
    EXPECT_EQ(scenario.setup, (Lines{"-A -t 10.9.0.1:80", "-a -t 10.9.0.1:80"}));
    EXPECT_EQ(scenario.controls, Lines{"modprobe ip_vs"});
    EXPECT_EQ(read(R"({"ctl": [["modprobe", "ip_vs"]], "events": []})").controls,
              Lines{"modprobe ip_vs"});
}

TEST(Scenario, ACommandMayBeItsWords) {
    const Lines words{"-C"};
    EXPECT_EQ(first<Ipvsadm>(R"({"op": "ipvsadm", "args": "-C"})").words, words);
    EXPECT_EQ(first<Ipvsadm>(R"({"op": "ipvsadm", "args": "ipvsadm -C"})").words, words);
    EXPECT_EQ(first<Ipvsadm>(R"({"op": "ipvsadm", "args": ["ipvsadm", "-C"]})").words, words);
    EXPECT_EQ(first<Control>(R"({"op": "ctl", "cmd": ["ip", "link"]})").commands, Lines{"ip link"});
    EXPECT_EQ(first<Control>(R"({"op": "ctl", "cmd": ["ip link", "ip addr"]})").commands,
              (Lines{"ip link", "ip addr"}));
}

TEST(Scenario, NumbersMayBeText) {
    const auto connect = first<Connect>(R"({"op": "connect", "id": "a", "src": "10.1.0.5",
        "sport": "4001", "dst": "10.9.0.1", "dport": 80, "proto": "UDP", "timeout": "0.5"})");
    EXPECT_EQ(connect.id, "a");
    EXPECT_EQ(connect.client.port, 4001);
    EXPECT_EQ(connect.protocol, Protocol::udp);
    EXPECT_EQ(connect.patience, 0.5);
    EXPECT_EQ(first<Data>(R"({"op": "data", "id": 7})").id, "7");
    EXPECT_EQ(first<Sleep>(R"({"op": "sleep", "s": "2"})").seconds, 2);
}

TEST(Scenario, WhatIsNoneIsRefused) {
    for (const char* text :
         {"[]", "{}", R"({"events": [{"op": "dance"}]})", R"({"events": [{"op": "close"}]})",
          R"({"events": [{"op": "sleep", "s": "long"}]})",
          R"({"events": [{"op": "close", "id": 1, "how": "slowly"}]})",
          R"({"events": [{"op": "syn", "src": "10.1.0.5", "sport": 70000, "dst": "10.9.0.1",
              "dport": 80}]})"})
        EXPECT_FALSE(read_scenario(json::parse(text), "stem")) << text;
}

}  // namespace
}  // namespace usher::replay
