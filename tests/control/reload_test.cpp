// SPDX-License-Identifier: BSD-3-Clause
#include "control/reload.hpp"

#include <gtest/gtest.h>

namespace usher {
namespace {

const Rules kRules{[](std::string_view name) { return name == "rr" || name == "wlc"; }};

ServiceConfig service(const char* address, const std::vector<int>& hosts) {
    ServiceConfig config;
    config.key = {0, Protocol::tcp, *IpAddress::parse(address), 80};
    for (const int host : hosts)
        config.servers.push_back({{*IpAddress::parse("10.2.0." + std::to_string(host)), 80}, {}});
    return config;
}

DesiredState boot(const std::vector<ServiceConfig>& file) {
    return *reload({}, file, kRules);
}

std::vector<int> hosts(const DesiredState& state, const ServiceConfig& of) {
    std::vector<int> out;
    for (const auto& server : state.services.at(of.key).servers)
        out.push_back(server.key.address.bytes()[3]);
    return out;
}

TEST(Reload, BootAddsInTheFilesOrderSoTheLastIsFirst) {
    const auto web = service("10.9.0.1", {11, 12, 13});
    EXPECT_EQ(hosts(boot({web}), web), (std::vector<int>{13, 12, 11}));
}

TEST(Reload, TheSameFileChangesNothing) {
    const std::vector<ServiceConfig> file{service("10.9.0.1", {11, 12}), service("10.9.0.2", {11})};
    const DesiredState running = boot(file);
    EXPECT_TRUE(reload_changes(running, file).empty());
    EXPECT_EQ(*reload(running, file, kRules), running);
    EXPECT_TRUE(reload_changes(running, as_written(running)).empty());
    EXPECT_EQ(as_written(running), file);
}

TEST(Reload, AnotherOrderAloneChangesNothing) {
    const DesiredState running = boot({service("10.9.0.1", {11, 12})});
    EXPECT_TRUE(reload_changes(running, {service("10.9.0.1", {12, 11})}).empty());
}

TEST(Reload, OnlyWhatDiffersChanges) {
    const DesiredState running =
        boot({service("10.9.0.1", {11, 12, 13}), service("10.9.0.2", {11})});
    auto web = service("10.9.0.1", {11, 14, 13});
    web.servers[0].options.weight = 9;
    const auto changes = reload_changes(running, {web, service("10.9.0.3", {})});
    std::vector<std::string> text;
    text.reserve(changes.size());
    for (const Change& change : changes)
        text.push_back(describe(change));
    EXPECT_EQ(text, (std::vector<std::string>{
                        "service.delete TCP 10.9.0.2:80",
                        "server.delete TCP 10.9.0.1:80 10.2.0.12:80",
                        "server.edit TCP 10.9.0.1:80 10.2.0.11:80",
                        "server.add TCP 10.9.0.1:80 10.2.0.14:80",
                        "service.add TCP 10.9.0.3:80",
                    }));
    const auto next = *reload(running, {web, service("10.9.0.3", {})}, kRules);
    EXPECT_EQ(hosts(next, web), (std::vector<int>{14, 13, 11}));
    EXPECT_EQ(next.services.at(web.key).created, running.services.at(web.key).created);
}

TEST(Reload, AnotherSchedulerIsAnEdit) {
    auto web = service("10.9.0.1", {11});
    const DesiredState running = boot({web});
    web.options.scheduler = "rr";
    const auto next = *reload(running, {web}, kRules);
    EXPECT_EQ(next.services.at(web.key).options.scheduler, "rr");
    EXPECT_EQ(hosts(next, web), (std::vector<int>{11}));
}

TEST(Reload, TimeoutsSettingsAndMarksFollowTheFile) {
    Config file;
    file.timeouts.udp = 60;
    file.vs.sloppy_tcp = 1;
    file.marks.resize(2);
    file.marks[0].mark = 7;
    file.marks[1].mark = 8;
    file.masquerade = {{{Prefix::of(*IpAddress::parse("10.2.0.0"), 24)}, {}, {}}};
    file.other = OtherTraffic::kernel;
    file.services = {service("10.9.0.1", {11})};
    std::vector<std::string> text;
    for (const Change& change : reload_changes({}, file))
        text.push_back(describe(change));
    EXPECT_EQ(text, (std::vector<std::string>{
                        "timeout.set", "vs.set sloppy_tcp 1", "marks.set, rules: 2",
                        "masquerade.set, rules: 1", "forwarding.set kernel",
                        "service.add TCP 10.9.0.1:80", "server.add TCP 10.9.0.1:80 10.2.0.11:80"}));
    const DesiredState running = *reload({}, file, kRules);
    EXPECT_EQ(running.timeouts, file.timeouts);
    EXPECT_EQ(running.vs, file.vs);
    EXPECT_EQ(running.marks, file.marks);
    EXPECT_EQ(running.masquerade, file.masquerade);
    EXPECT_EQ(running.other, OtherTraffic::kernel);
    EXPECT_TRUE(reload_changes(running, file).empty());
    EXPECT_EQ(reload(running, Config{}, kRules)->vs, VsSettings{});  // what the file leaves out
}

TEST(Reload, SaysWhatOnlyAStartTakesIn) {
    Config started;
    started.interfaces.resize(1);
    Config file = started;
    file.timeouts.udp = 10;
    file.vs.drop_entry = 3;
    file.marks.resize(1);
    file.masquerade.resize(1);
    file.other = OtherTraffic::kernel;
    file.log.debug = 1;
    file.services = {service("10.9.0.1", {11})};
    EXPECT_FALSE(needs_restart(started, file));
    const auto differs = [&](auto change) {
        Config other = started;
        change(other);
        return needs_restart(started, other);
    };
    EXPECT_TRUE(differs([](Config& c) { c.idle = Idle::spin; }));
    EXPECT_TRUE(differs([](Config& c) { c.spread = true; }));
    EXPECT_TRUE(differs([](Config& c) { c.worker_cores = {1}; }));
    EXPECT_TRUE(differs([](Config& c) { c.interfaces[0].queues = 2; }));
    EXPECT_TRUE(differs([](Config& c) { c.connection_table_bits = 21; }));
    EXPECT_TRUE(differs([](Config& c) { c.routes.resize(1); }));
}

TEST(Reload, AnErrorNamesWhatIsWrongAndChangesNothing) {
    auto web = service("10.9.0.1", {11, 12});
    web.servers[1].options.forwarding = Forwarding::route;
    const auto failed = reload({}, {web}, kRules);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Errc::not_supported);
    EXPECT_EQ(failed.error().message,
              "server.add TCP 10.9.0.1:80 10.2.0.12:80: direct routing (-g) is not supported by "
              "this version of Usher");
}

}  // namespace
}  // namespace usher
