// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands.hpp"

#include <gtest/gtest.h>

#include <string>

#include "control/wire.hpp"
#include "tests/control/fake_director.hpp"

namespace usher {
namespace {

const std::string kService = R"("service":{"protocol":"tcp","address":"10.9.0.1","port":80})";
const std::string kServer = R"("server":{"address":"10.2.0.11","port":80})";

std::string add_service() {
    return R"({"command":"service.add",)" + kService + "}";
}
std::string add_server() {
    return R"({"command":"server.add",)" + kService + "," + kServer + "}";
}

struct CommandsTest : testing::Test {
    FakeDirector director;

    Json ask(std::string_view line) {
        const std::string reply = handle_line(line, director);
        EXPECT_EQ(reply.find('\n'), reply.size() - 1);
        Json json = Json::parse(reply, nullptr, false);
        EXPECT_TRUE(json.is_object()) << reply;
        return json;
    }
    Json result(std::string_view line) {
        const Json reply = ask(line);
        EXPECT_EQ(reply.value("ok", false), true) << line << " " << reply;
        return reply.contains("result") ? reply["result"] : Json();
    }
    std::string code(std::string_view line) {
        const Json reply = ask(line);
        if (reply.value("ok", true)) return "ok";
        return reply["error"]["code"];
    }
};

TEST_F(CommandsTest, AddEditListDelete) {
    EXPECT_TRUE(result(add_service()).is_null());
    EXPECT_TRUE(result(add_server()).is_null());
    EXPECT_EQ(director.published, 2);
    result(R"({"command":"server.edit",)" + kService + "," + kServer +
           R"(,"options":{"weight":0}})");
    const Json list = result(R"({"command":"service.list"})");
    EXPECT_EQ(list["version"], "1.2.1");
    EXPECT_EQ(list["size"], 1048576);
    const auto listing = read_service_listing(list);
    ASSERT_TRUE(listing);
    ASSERT_EQ(listing->services.size(), 1U);
    EXPECT_EQ(listing->services[0].stats.conns, 7U);
    ASSERT_EQ(listing->services[0].servers.size(), 1U);
    EXPECT_EQ(listing->services[0].servers[0].options.weight, 0U);
    EXPECT_EQ(listing->services[0].servers[0].active, 3U);
    result(R"({"command":"server.delete",)" + kService + "," + kServer + "}");
    result(R"({"command":"service.delete",)" + kService + "}");
    EXPECT_TRUE(director.state.services.empty());
}

TEST_F(CommandsTest, AListOfOneService) {
    result(add_service());
    result(
        R"({"command":"service.add","service":{"protocol":"udp","address":"10.9.0.1","port":53}})");
    const std::string request = R"({"command":"service.list",)" + kService + "}";
    EXPECT_EQ(result(request)["services"].size(), 1U);
    result(R"({"command":"service.delete",)" + kService + "}");
    EXPECT_EQ(code(request), "ESRCH");
}

TEST_F(CommandsTest, WhatCannotBePublishedIsRefused) {
    director.publish_error = Error{Errc::no_space, "the table of services is full"};
    EXPECT_EQ(code(add_service()), "ENOSPC");
    EXPECT_TRUE(director.state.services.empty());
}

TEST_F(CommandsTest, ABatchIsOneSnapshotOrNone) {
    const Json done =
        result(R"({"command":"batch","commands":[)" + add_service() + "," + add_server() + "]}");
    EXPECT_EQ(done.dump(), "[null,null]");
    EXPECT_EQ(director.published, 1);
    const Json failed = ask(R"({"command":"batch","commands":[{"command":"service.clear"},)" +
                            add_service() + "," + add_service() + "]}");
    EXPECT_EQ(failed["error"]["code"], "EEXIST");
    EXPECT_EQ(failed["error"]["index"], 2);
    EXPECT_EQ(director.published, 1);
    EXPECT_EQ(director.state.services.size(), 1U);
}

TEST_F(CommandsTest, Timeouts) {
    result(R"({"command":"timeout.set","tcp":100,"tcp_fin":0,"udp":33})");
    EXPECT_EQ(result(R"({"command":"timeout.get"})").dump(),
              R"({"tcp":100,"tcp_fin":120,"udp":33})");
    EXPECT_EQ(code(R"({"command":"timeout.set","tcp":2678401,"tcp_fin":0,"udp":0})"), "ERANGE");
}

TEST_F(CommandsTest, ZeroOneOrAll) {
    result(R"({"command":"stats.zero"})");
    EXPECT_EQ(code(R"({"command":"stats.zero",)" + kService + "}"), "ESRCH");
    result(add_service());
    result(R"({"command":"stats.zero",)" + kService + "}");
    ASSERT_EQ(director.zeroed.size(), 2U);
    EXPECT_FALSE(director.zeroed[0]);
    EXPECT_TRUE(director.zeroed[1]);
}

TEST_F(CommandsTest, ConnectionsAreListedUntilTheReplyIsFull) {
    EXPECT_EQ(result(R"({"command":"connection.list"})").dump(), "[]");
    ConnectionRow row;
    row.state = "ESTABLISHED";
    row.expires = 899;
    row.client = {*IpAddress::parse("203.0.113.200"), 51234};
    director.connections = {row, row};
    const auto rows = read_connections(result(R"({"command":"connection.list"})"));
    ASSERT_TRUE(rows);
    EXPECT_EQ(*rows, director.connections);
    director.connections[0].state = std::string(1000, 'x');
    director.connection_copies = 100000;
    const Json refused = ask(R"({"command":"connection.list"})");
    EXPECT_EQ(refused["error"]["code"], "ENOSPC");
}

TEST_F(CommandsTest, TheRestOfTheLists) {
    EXPECT_EQ(result(R"({"command":"worker.list"})")[0]["core"], 2);
    EXPECT_EQ(result(R"({"command":"port.list"})").size(), 1U);
    EXPECT_EQ(result(R"({"command":"drop.list"})")["truncated"], 3);
    EXPECT_EQ(result(R"({"command":"table.show"})")["bits"], 20);
    EXPECT_EQ(result(R"({"command":"config.show"})")["toml"], "# usher\n");
    EXPECT_EQ(result(R"({"command":"version"})")["dpdk"], "22.11");
}

TEST_F(CommandsTest, SaveAndReload) {
    EXPECT_EQ(result(R"({"command":"config.save"})")["path"], "/etc/usher/usher.toml");
    EXPECT_EQ(result(R"({"command":"config.save","path":"/tmp/a"})")["path"], "/tmp/a");
    EXPECT_EQ(code(R"({"command":"config.save","path":"/full"})"), "EIO");
    EXPECT_EQ(code(R"({"command":"config.save","path":""})"), "EINVAL");
    EXPECT_EQ(code(R"({"command":"config.save","path":"a\u0000b"})"), "EINVAL");
    result(add_service());
    result(R"({"command":"config.reload"})");
    EXPECT_TRUE(director.state.services.empty());
}

TEST_F(CommandsTest, LogLevelAndAreas) {
    result(R"({"command":"log.set","level":"notice","debug":["drop","state"]})");
    EXPECT_EQ(result(R"({"command":"log.get"})").dump(),
              R"({"debug":["state","drop"],"level":"notice"})");
    result(R"({"command":"log.set","debug":[]})");
    EXPECT_EQ(director.log, (LogConfig{LogLevel::notice, 0}));
}

struct Bad {
    std::string line;
    std::string code;
};

class BadMessages : public CommandsTest, public testing::WithParamInterface<Bad> {};

TEST_P(BadMessages, HasItsAnswer) {
    result(add_service());
    const DesiredState before = director.state;
    EXPECT_EQ(code(GetParam().line), GetParam().code) << GetParam().line.substr(0, 200);
    EXPECT_EQ(director.state, before);
}

std::string with_service(const std::string& service) {
    return R"({"command":"service.add","service":)" + service + "}";
}
std::string with_options(const std::string& options) {
    return R"({"command":"service.edit",)" + kService + R"(,"options":)" + options + "}";
}
std::string server_options(const std::string& options) {
    return R"({"command":"server.add",)" + kService + "," + kServer + R"(,"options":)" + options +
           "}";
}

const Bad kBad[] = {
    // no request at all
    {"", "EPROTO"},
    {" ", "EPROTO"},
    {"hello", "EPROTO"},
    {"{", "EPROTO"},
    {"null", "EPROTO"},
    {"[]", "EPROTO"},
    {"\"service.list\"", "EPROTO"},
    {"{}", "EPROTO"},
    {R"({"command":7})", "EPROTO"},
    {R"({"command":null})", "EPROTO"},
    {R"({"command":"no.such"})", "EPROTO"},
    {R"({"command":"service.list"} x)", "EPROTO"},
    {R"({"command":"service.list")", "EPROTO"},
    {"{\"command\":\"\xff\xfe\"}", "EPROTO"},
    {std::string("{\"command\":\"service.list\0\"}", 27), "EPROTO"},
    {R"({"command":"service.list\u0000"})", "EPROTO"},
    {R"({"command":"\ud800"})", "EPROTO"},
    {std::string(1000000, '['), "EPROTO"},
    {R"({"command":"version","x":)" + std::string(100000, '[') + std::string(100000, ']') + "}",
     "EPROTO"},
    {R"({"command":")" + std::string(1000000, 'a') + "\"}", "EPROTO"},
    // members
    {R"({"command":"version","extra":1})", "EPROTO"},
    {R"({"command":"service.list","extra":1})", "EPROTO"},
    {R"({"command":"service.clear","service":{}})", "EPROTO"},
    {R"({"command":"service.add"})", "EPROTO"},
    {with_service("7"), "EPROTO"},
    {with_service("[]"), "EPROTO"},
    {with_service("null"), "EPROTO"},
    {with_service("{}"), "EPROTO"},
    {with_service(R"({"protocol":"tcp","address":"10.9.0.1"})"), "EPROTO"},
    {with_service(R"({"protocol":"tcp","address":"10.9.0.1","port":"80"})"), "EPROTO"},
    {with_service(R"({"protocol":"tcp","address":"10.9.0.1","port":80.5})"), "EPROTO"},
    {with_service(R"({"protocol":"tcp","address":10,"port":80})"), "EPROTO"},
    {with_service(R"({"protocol":"tcp","address":"10.9.0.1","port":80,"fwmark":1})"), "EPROTO"},
    // values
    {with_service(R"({"protocol":"icmp","address":"10.9.0.1","port":80})"), "EINVAL"},
    {with_service(R"({"protocol":"tcp","address":"10.9.0.300","port":80})"), "EINVAL"},
    {with_service(R"({"protocol":"tcp","address":"10.9.0.1\u0000","port":80})"), "EINVAL"},
    {with_service(R"({"protocol":"tcp","address":"","port":80})"), "EINVAL"},
    {with_service(R"({"protocol":"tcp","address":"10.9.0.1","port":65536})"), "EINVAL"},
    {with_service(R"({"protocol":"tcp","address":"10.9.0.1","port":-1})"), "EINVAL"},
    {with_service(R"({"protocol":"tcp","address":"10.9.0.1","port":18446744073709551696})"),
     "EPROTO"},
    {with_service(R"({"protocol":"tcp","address":"10.9.0.1","port":1e9999})"), "EPROTO"},
    {with_service(R"({"protocol":"tcp","address":"10.9.0.2","port":0})"), "EINVAL"},
    {with_service(R"({"fwmark":0})"), "EINVAL"},
    {with_service(R"({"protocol":"tcp","address":"224.0.0.1","port":80})"), "EINVAL"},
    {add_service(), "EEXIST"},
    {with_options(R"({"scheduler":"nosuch"})"), "ENOENT"},
    {with_options(R"({"scheduler":""})"), "EINVAL"},
    {with_options(R"({"scheduler":5})"), "EPROTO"},
    {with_options(R"({"persistence":-1})"), "EINVAL"},
    {with_options(R"({"colour":"red"})"), "EPROTO"},
    {with_options("[]"), "EPROTO"},
    {server_options(R"({"weight":2147483648})"), "EINVAL"},
    {server_options(R"({"weight":-1})"), "EINVAL"},
    {server_options(R"({"weight":"1"})"), "EPROTO"},
    {server_options(R"({"forwarding":"route"})"), "EOPNOTSUPP"},
    {server_options(R"({"forwarding":"pigeon"})"), "EINVAL"},
    {server_options(R"({"upper_threshold":5,"lower_threshold":10})"), "ERANGE"},
    {R"({"command":"server.delete",)" + kService + "," + kServer + "}", "ENOENT"},
    {R"({"command":"server.add",)" + kService + "}", "EPROTO"},
    // batches
    {R"({"command":"batch"})", "EPROTO"},
    {R"({"command":"batch","commands":{}})", "EPROTO"},
    {R"({"command":"batch","commands":[1]})", "EPROTO"},
    {R"({"command":"batch","commands":[{}]})", "EPROTO"},
    {R"({"command":"batch","commands":[{"command":"config.reload"}]})", "EPROTO"},
    {R"({"command":"batch","commands":[{"command":"batch","commands":[]}]})", "EPROTO"},
    {R"({"command":"batch","commands":[{"command":"service.clear","x":1}]})", "EPROTO"},
    // the rest
    {R"({"command":"timeout.set","tcp":1})", "EPROTO"},
    {R"({"command":"timeout.set","tcp":1,"tcp_fin":1,"udp":-1})", "EINVAL"},
    {R"({"command":"timeout.set","tcp":1,"tcp_fin":1,"udp":1,"sctp":1})", "EPROTO"},
    {R"({"command":"stats.zero","service":1})", "EPROTO"},
    {R"({"command":"vs.set","name":"drop_entry"})", "EPROTO"},
    {R"({"command":"vs.set","name":"drop_entry","value":"1"})", "EPROTO"},
    {R"({"command":"vs.set","name":"drop_entry","value":-1})", "EINVAL"},
    {R"({"command":"vs.set","name":"drop_entry","value":4})", "ERANGE"},
    {R"({"command":"vs.set","name":"sync_version","value":1})", "EOPNOTSUPP"},
    {R"({"command":"vs.set","name":"nosuch","value":1})", "ENOENT"},
    {R"({"command":"vs.list","name":"drop_entry"})", "EPROTO"},
    {R"({"command":"marks.set"})", "EPROTO"},
    {R"({"command":"marks.set","marks":{}})", "EPROTO"},
    {R"({"command":"marks.set","marks":[1]})", "EPROTO"},
    {R"({"command":"marks.set","marks":[{}]})", "EPROTO"},
    {R"({"command":"marks.set","marks":[{"mark":0}]})", "EINVAL"},
    {R"({"command":"marks.set","marks":[{"mark":1,"colour":"red"}]})", "EPROTO"},
    {R"({"command":"marks.set","marks":[{"mark":1,"source":"10.0.0.1/8"}]})", "EINVAL"},
    {R"({"command":"marks.set","marks":[{"mark":1,"destination_ports":"1-0"}]})", "EINVAL"},
    {R"({"command":"marks.set","marks":[{"mark":1,"destination_ports":80}]})", "EPROTO"},
    {R"({"command":"marks.set","marks":[{"mark":1,"source":"::1","family":"ipv4"}]})", "EINVAL"},
    {R"({"command":"masquerade.set"})", "EPROTO"},
    {R"({"command":"masquerade.set","rules":{}})", "EPROTO"},
    {R"({"command":"masquerade.set","rules":[{}]})", "EPROTO"},
    {R"({"command":"masquerade.set","rules":[{"inside":"10.0.0.0/8"}]})", "EPROTO"},
    {R"({"command":"masquerade.set","rules":[{"inside":[1]}]})", "EPROTO"},
    {R"({"command":"masquerade.set","rules":[{"inside":[]}]})", "EINVAL"},
    {R"({"command":"masquerade.set","rules":[{"inside":["10.0.0.1/8"]}]})", "EINVAL"},
    {R"({"command":"masquerade.set","rules":[{"inside":["::/0"]}]})", "EINVAL"},
    {R"({"command":"masquerade.set","rules":[{"inside":["10.0.0.0/8"],"ports":"0"}]})", "EINVAL"},
    {R"({"command":"masquerade.set","rules":[{"inside":["10.0.0.0/8"],"to":[]}]})", "EPROTO"},
    {R"({"command":"masquerade.set","rules":[{"inside":["10.0.0.0/8"],"outside":["x"]}]})",
     "EINVAL"},
    {R"({"command":"forwarding.set"})", "EPROTO"},
    {R"({"command":"forwarding.set","other":"pass"})", "EINVAL"},
    {with_options(R"({"mss_clamp":"path"})"), "EINVAL"},
    {with_options(R"({"mss_clamp":100})"), "EINVAL"},
    {with_options(R"({"ftp":"yes"})"), "EPROTO"},
    {with_options(R"({"ftp_third_party":null})"), "EPROTO"},
    {R"({"command":"log.set","level":"loud"})", "EINVAL"},
    {R"({"command":"log.set","level":3})", "EPROTO"},
    {R"({"command":"log.set","debug":"drop"})", "EPROTO"},
    {R"({"command":"log.set","debug":["nothing"]})", "EINVAL"},
    {R"({"command":"log.set","debug":[1]})", "EPROTO"},
    {R"({"command":"config.save","path":1})", "EPROTO"},
};

INSTANTIATE_TEST_SUITE_P(All, BadMessages, testing::ValuesIn(kBad),
                         [](const auto& bad) { return std::to_string(bad.index); });

TEST_F(CommandsTest, SettingsAreSetAndListed) {
    result(R"({"command":"vs.set","name":"conn_reuse_mode","value":0})");
    const auto rows = read_vs_rows(result(R"({"command":"vs.list"})"));
    ASSERT_TRUE(rows);
    EXPECT_EQ(rows->size(), 12U);
    for (const VsRow& row : *rows)
        EXPECT_EQ(row.value, row.name == "conn_reuse_mode" ? 0 : row.standard) << row.name;
}

TEST_F(CommandsTest, MarkRulesComeBackAsTheyWere) {
    const std::string marks = R"([{"destination":"10.9.0.0/16","family":"ipv4","mark":7,)"
                              R"("protocol":"tcp"},{"destination_ports":"8000-8999",)"
                              R"("family":"ipv6","interface":"eth0","mark":8,"source":"::1/128",)"
                              R"("source_ports":"53"}])";
    result(R"({"command":"marks.set","marks":)" + marks + "}");
    EXPECT_EQ(result(R"({"command":"marks.list"})").dump(), marks);
    result(R"({"command":"batch","commands":[{"command":"marks.set","marks":[]},)"
           R"({"command":"vs.set","name":"sloppy_tcp","value":1}]})");
    EXPECT_EQ(result(R"({"command":"marks.list"})").dump(), "[]");
}

TEST_F(CommandsTest, MasqueradingComesBackAsItWas) {
    const std::string rules = R"([{"inside":["10.0.0.0/24","fd00:2::/64"],)"
                              R"("outside":["203.0.113.20-203.0.113.23","2001:db8::20"],)"
                              R"("ports":"1024-65535"},{"inside":["10.0.0.0/8"],"outside":[]}])";
    result(R"({"command":"masquerade.set","rules":)" + rules + "}");
    result(R"({"command":"forwarding.set","other":"kernel"})");
    const Json listed = result(R"({"command":"masquerade.list"})");
    EXPECT_EQ(listed["rules"].dump(), rules);
    EXPECT_EQ(listed["other"], "kernel");
    const auto listing = read_masquerade_listing(listed);
    ASSERT_TRUE(listing);
    EXPECT_EQ(listing->rules, director.state.masquerade);
    EXPECT_EQ(listing->addresses, director.outside());
    EXPECT_EQ(to_wire(*listing), listed);
}

TEST_F(CommandsTest, TheMssIsBytesOrAuto) {
    const std::string service = kService + R"(,"options":)";
    result(R"({"command":"service.add",)" + service + R"({"mss_clamp":"auto"}})");
    result(R"({"command":"service.edit",)" + service + R"({"scheduler":"rr"}})");
    const auto mss = [&] {
        return result(R"({"command":"service.list"})")["services"][0]["options"]["mss_clamp"];
    };
    EXPECT_EQ(mss(), "auto");
    result(R"({"command":"service.edit",)" + service + R"({"mss_clamp":1360}})");
    EXPECT_EQ(mss(), 1360);
}

TEST_F(CommandsTest, TheFtpHelperIsOnOffOrAsThePortSays) {
    const std::string service = kService + R"(,"options":)";
    const auto options = [&] {
        return result(R"({"command":"service.list"})")["services"][0]["options"];
    };
    result(R"({"command":"service.add",)" + service + R"({}})");
    EXPECT_TRUE(options()["ftp"].is_null());
    EXPECT_EQ(options()["ftp_third_party"], false);
    result(R"({"command":"service.edit",)" + service + R"({"ftp":true,"ftp_third_party":true}})");
    result(R"({"command":"service.edit",)" + service + R"({"scheduler":"rr"}})");
    EXPECT_EQ(options()["ftp"], true);
    EXPECT_EQ(options()["ftp_third_party"], true);
    result(R"({"command":"service.edit",)" + service + R"({"ftp":null}})");
    EXPECT_TRUE(options()["ftp"].is_null());
}

TEST_F(CommandsTest, AnEditWithoutThemKeepsWhatIsBeyondIpvs) {
    const std::string service = kService + R"(,"options":)";
    result(R"({"command":"service.add",)" + service + R"({"idle_timeout":60,"slow_start":30}})");
    result(R"({"command":"service.edit",)" + service + R"({"slow_start":0}})");
    const auto listing = read_service_listing(result(R"({"command":"service.list"})"));
    ASSERT_TRUE(listing);
    EXPECT_EQ(listing->services[0].options.idle_timeout, 60U);
    EXPECT_EQ(listing->services[0].options.slow_start, 0U);
}

TEST_F(CommandsTest, ADuplicateMemberCountsOnce) {
    result(R"({"command":"version","command":"service.add",)" + kService + "}");
    EXPECT_EQ(director.state.services.size(), 1U);
}

TEST_F(CommandsTest, ADeepBracketInAStringIsNoNesting) {
    const std::string brackets(100, '[');
    EXPECT_EQ(result(R"({"command":"config.save","path":"\")" + brackets + "\"}")["path"],
              "\"" + brackets);
}

}  // namespace
}  // namespace usher
