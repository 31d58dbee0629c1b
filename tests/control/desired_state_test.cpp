// SPDX-License-Identifier: BSD-3-Clause
#include "control/desired_state.hpp"

#include <gtest/gtest.h>

namespace usher {
namespace {

const Rules kRules{[](std::string_view name) { return name == "rr" || name == "wlc"; }};

ServiceKey service(const char* address = "10.9.0.1", std::uint16_t port = 80) {
    return {0, Protocol::tcp, *IpAddress::parse(address), port};
}
ServerKey server(const char* address, std::uint16_t port = 80) {
    return {*IpAddress::parse(address), port};
}
ServerOptions weight(std::uint32_t value) {
    ServerOptions options;
    options.weight = value;
    return options;
}

struct DesiredStateTest : testing::Test {
    DesiredState state;

    void must(const Change& change) {
        const auto done = apply(state, change, kRules);
        ASSERT_TRUE(done) << done.error().message;
    }
    // The code of the error; the state must be as before.
    Error refused(const Change& change) {
        const DesiredState before = state;
        const auto done = apply(state, change, kRules);
        EXPECT_FALSE(done);
        EXPECT_EQ(state, before);
        return done ? Error{} : done.error();
    }
    std::vector<std::string> order() {
        std::vector<std::string> names;
        for (const auto& entry : state.services.at(service()).servers)
            names.push_back(entry.key.address.to_string());
        return names;
    }
};

TEST_F(DesiredStateTest, ServiceErrorsAreIpvs) {
    must(ServiceAdd{service(), {}});
    EXPECT_EQ(refused(ServiceAdd{service(), {}}).message, "Service already exists");
    EXPECT_EQ(refused(ServiceAdd{service(), {}}).code, Errc::exists);
    EXPECT_EQ(refused(ServiceEdit{service("10.9.0.9"), {}}).message, "No such service");
    EXPECT_EQ(refused(ServiceDelete{service("10.9.0.9")}).code, Errc::no_such_service);
    ServiceOptions unknown;
    unknown.scheduler = "nosuch";
    EXPECT_EQ(refused(ServiceAdd{service("10.9.0.2"), unknown}).message,
              "Scheduler or persistence engine not found");
    EXPECT_EQ(refused(ServiceEdit{service(), unknown}).code, Errc::no_such_entry);
}

TEST_F(DesiredStateTest, ServerErrorsAreIpvs) {
    must(ServiceAdd{service(), {}});
    must(ServerAdd{service(), server("10.2.0.11"), {}});
    const ServiceKey other = service("10.9.0.9");
    EXPECT_EQ(refused(ServerAdd{other, server("10.2.0.11"), {}}).message, "Service not defined");
    EXPECT_EQ(refused(ServerEdit{other, server("10.2.0.11"), {}}).code, Errc::no_such_service);
    EXPECT_EQ(refused(ServerDelete{other, server("10.2.0.11")}).code, Errc::no_such_service);
    EXPECT_EQ(refused(ServerAdd{service(), server("10.2.0.11"), {}}).message,
              "Destination already exists");
    EXPECT_EQ(refused(ServerEdit{service(), server("10.2.0.99"), {}}).message,
              "No such destination");
    EXPECT_EQ(refused(ServerDelete{service(), server("10.2.0.99")}).code, Errc::no_such_entry);
}

TEST_F(DesiredStateTest, ServersHaveUnicastAddressesOfTheServicesFamily) {
    must(ServiceAdd{service(), {}});
    for (const char* bad : {"0.0.0.0", "224.0.0.1", "255.255.255.255", "fd00:2::11"})
        EXPECT_EQ(refused(ServerAdd{service(), server(bad), {}}).code, Errc::invalid) << bad;
    must(ServerAdd{service(), server("10.2.0.21", 0), {}});
}

// IPVS hands them to the box's own sockets; one that became the box's later may be drained.
TEST_F(DesiredStateTest, ServersAreNotTheBoxItself) {
    must(ServiceAdd{service(), {}});
    must(ServiceAdd{service("2001:db8::1"), {}});
    EXPECT_EQ(refused(ServerAdd{service(), server("127.0.0.1"), {}}).code, Errc::not_supported);
    EXPECT_EQ(refused(ServerAdd{service("2001:db8::1"), server("::1"), {}}).code,
              Errc::not_supported);

    must(ServerAdd{service(), server("10.2.0.11"), {}});
    const Rules rules{kRules.scheduler_exists, {}, [](const IpAddress& address) {
                          return address.to_string().starts_with("10.2.0.1");
                      }};
    const auto added = apply(state, ServerAdd{service(), server("10.2.0.12"), {}}, rules);
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().message,
              "10.2.0.12 is an address of the box itself; servers there are not supported by this "
              "version of Usher");
    EXPECT_TRUE(apply(state, ServerAdd{service(), server("10.2.0.21"), {}}, rules));
    EXPECT_TRUE(apply(state, ServerEdit{service(), server("10.2.0.11"), weight(0)}, rules));
}

TEST_F(DesiredStateTest, ServicesHaveUnicastAddressesAndPorts) {
    for (const char* bad : {"0.0.0.0", "224.0.0.1", "255.255.255.255"})
        EXPECT_EQ(refused(ServiceAdd{service(bad), {}}).code, Errc::invalid) << bad;
    EXPECT_EQ(refused(ServiceAdd{service("10.9.0.1", 0), {}}).code, Errc::invalid);
}

TEST_F(DesiredStateTest, WeightsAndThresholdsHaveRanges) {
    must(ServiceAdd{service(), {}});
    must(ServerAdd{service(), server("10.2.0.14"), weight(2147483647)});
    EXPECT_EQ(refused(ServerAdd{service(), server("10.2.0.15"), weight(2147483648)}).code,
              Errc::invalid);
    ServerOptions crossed;
    crossed.upper_threshold = 5;
    crossed.lower_threshold = 10;
    EXPECT_EQ(refused(ServerAdd{service(), server("10.2.0.18"), crossed}).code, Errc::out_of_range);
}

TEST_F(DesiredStateTest, NewestServerIsFirstAndAnEditDoesNotMoveIt) {
    must(ServiceAdd{service(), {}});
    for (const char* address : {"10.2.0.11", "10.2.0.12", "10.2.0.13"})
        must(ServerAdd{service(), server(address), {}});
    EXPECT_EQ(order(), (std::vector<std::string>{"10.2.0.13", "10.2.0.12", "10.2.0.11"}));
    must(ServerEdit{service(), server("10.2.0.11"), weight(5)});
    EXPECT_EQ(order().back(), "10.2.0.11");
    EXPECT_EQ(state.services.at(service()).servers.back().options.weight, 5U);
    must(ServerDelete{service(), server("10.2.0.11")});
    must(ServerAdd{service(), server("10.2.0.11"), {}});
    EXPECT_EQ(order().front(), "10.2.0.11");
}

TEST_F(DesiredStateTest, RevisionsTellWhatEqualValuesCannot) {
    must(ServiceAdd{service(), {}});
    must(ServerAdd{service(), server("10.2.0.11"), {}});
    const DesiredService before = state.services.at(service());
    must(ServerEdit{service(), server("10.2.0.11"), {}});
    EXPECT_GT(state.services.at(service()).servers_changed, before.servers_changed);
    EXPECT_EQ(state.services.at(service()).created, before.created);
    must(ServiceDelete{service()});
    must(ServiceAdd{service(), {}});
    EXPECT_GT(state.services.at(service()).created, before.created);
}

TEST_F(DesiredStateTest, ServiceEditKeepsServersAndClearForgetsAll) {
    must(ServiceAdd{service(), {}});
    must(ServerAdd{service(), server("10.2.0.11"), {}});
    ServiceOptions options;
    options.scheduler = "rr";
    must(ServiceEdit{service(), options});
    EXPECT_EQ(state.services.at(service()).options.scheduler, "rr");
    EXPECT_EQ(order().size(), 1U);
    must(ServiceClear{});
    EXPECT_TRUE(state.services.empty());
}

TEST_F(DesiredStateTest, ZeroLeavesATimeoutAsItIs) {
    must(TimeoutSet{{100, 0, 33}});
    EXPECT_EQ(state.timeouts, (Timeouts{100, 120, 33}));
    EXPECT_EQ(refused(TimeoutSet{{2678401, 0, 0}}).code, Errc::out_of_range);
}

TEST_F(DesiredStateTest, WhatIsNotBuiltIsRefusedWithASentence) {
    ServiceOptions options;
    options.persistence_engine = "sip";
    const Error error = refused(ServiceAdd{service(), options});
    EXPECT_EQ(error.code, Errc::not_supported);
    EXPECT_EQ(error.message, "persistence engines are not supported by this version of Usher");
    options.persistence_engine = "nosuch";  // IPVS's own refusal
    EXPECT_EQ(refused(ServiceAdd{service(), options}).code, Errc::no_such_entry);
}

TEST_F(DesiredStateTest, ServersThatAreNotBuiltAreRefused) {
    must(ServiceAdd{service(), {}});
    std::vector<ServerOptions> refusals(5);
    refusals[0].forwarding = Forwarding::route;
    refusals[1].forwarding = Forwarding::tunnel;
    refusals[2].forwarding = Forwarding::local;
    refusals[3].tunnel_port = 6080;
    refusals[4].tunnel = TunnelType::gre;
    for (const ServerOptions& options : refusals)
        EXPECT_EQ(refused(ServerAdd{service(), server("10.2.0.11"), options}).code,
                  Errc::not_supported);
}

// ipvsadm(8) -E and -e: what is not given gets its default, whatever it was.
TEST_F(DesiredStateTest, AnEditReplacesEverything) {
    ServiceOptions persistent;
    persistent.scheduler = "rr";
    persistent.persistence = 100;
    persistent.persistence_bits = 24;
    persistent.flags = kFlagSched1;
    must(ServiceAdd{service(), persistent});
    ServerOptions busy = weight(5);
    busy.upper_threshold = 9;
    busy.lower_threshold = 3;
    must(ServerAdd{service(), server("10.2.0.11"), busy});
    must(ServiceEdit{service(), {}});
    must(ServerEdit{service(), server("10.2.0.11"), {}});
    EXPECT_EQ(state.services.at(service()).options, ServiceOptions{});
    EXPECT_EQ(state.services.at(service()).servers[0].options, ServerOptions{});
}

TEST_F(DesiredStateTest, AnEditMayKeepWhatIpvsadmCannotSay) {
    ServiceOptions options;
    options.idle_timeout = 3600;
    options.slow_start = 30;
    must(ServiceAdd{service(), options});
    ServiceEdit edit{service(), {}, true, true};
    edit.options.scheduler = "rr";
    must(edit);
    options.scheduler = "rr";
    EXPECT_EQ(state.services.at(service()).options, options);
    must(ServiceEdit{service(), {}, true, false});
    EXPECT_EQ(state.services.at(service()).options.idle_timeout, 3600U);
    EXPECT_EQ(state.services.at(service()).options.slow_start, 0U);
}

TEST_F(DesiredStateTest, Settings) {
    must(VsSet{"drop_entry", 3});
    EXPECT_EQ(state.vs.drop_entry, 3U);
    EXPECT_EQ(refused(VsSet{"drop_entry", 4}).code, Errc::out_of_range);
    EXPECT_EQ(refused(VsSet{"drop_entry", 1ULL << 32}).message,
              "drop_entry: expected 0 to 3, found 4294967296");
    EXPECT_EQ(refused(VsSet{"am_droprate", 0}).code, Errc::out_of_range);
    EXPECT_EQ(refused(VsSet{"conntrack", 0}).code, Errc::not_supported);
    EXPECT_EQ(refused(VsSet{"conntrack", 1}).message,
              "conntrack does not apply: packets of services never enter the kernel, so no "
              "conntrack entry is made for them");
    EXPECT_EQ(refused(VsSet{"slopy_tcp", 1}).message,
              "no setting \"slopy_tcp\"; did you mean \"sloppy_tcp\"?");
    EXPECT_EQ(refused(VsSet{"", 1}).code, Errc::no_such_entry);
}

TEST_F(DesiredStateTest, MarkRulesAreReplacedAsAWhole) {
    MarkRule seven;
    seven.mark = 7;
    seven.interface = "eth0";
    must(MarksSet{{seven, seven}});
    EXPECT_EQ(state.marks.size(), 2U);
    MarkRule bad = seven;
    bad.destination_ports = {2, 1};
    EXPECT_EQ(refused(MarksSet{{seven, bad}}).message,
              "mark rule 2: destination_ports: expected FIRST-LAST in rising order, found 2-1");
    bad = seven;
    bad.mark = 0;
    EXPECT_EQ(refused(MarksSet{{bad}}).code, Errc::invalid);
    EXPECT_EQ(refused(MarksSet{std::vector(65537, seven)}).code, Errc::no_space);
    must(MarksSet{});
    must(MarksSet{{seven}, std::vector<MarkRule>{}});
    EXPECT_EQ(refused(MarksSet{{seven, seven}, std::vector<MarkRule>{}}).code, Errc::no_such_entry);
    must(MarksSet{{}, std::vector{seven}});
    EXPECT_TRUE(state.marks.empty());
    const Rules rules{kRules.scheduler_exists, [](std::string_view name) { return name == "lan"; }};
    EXPECT_FALSE(apply(state, MarksSet{{seven}}, rules));
}

TEST_F(DesiredStateTest, ABatchIsAllOrNothing) {
    must(ServiceAdd{service(), {}});
    std::vector<Change> changes{ServerAdd{service(), server("10.2.0.11"), {}},
                                ServiceDelete{service()},
                                ServerAdd{service(), server("10.2.0.12"), {}}};
    const auto failed = apply_all(state, changes, kRules);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().index, 2U);
    EXPECT_EQ(failed.error().error.message, "Service not defined");
    EXPECT_TRUE(state.services.at(service()).servers.empty());
    changes.insert(changes.begin() + 2, ServiceAdd{service(), {}});
    const auto done = apply_all(state, changes, kRules);
    ASSERT_TRUE(done);
    EXPECT_EQ(done->services.at(service()).servers.size(), 1U);
}

}  // namespace
}  // namespace usher
