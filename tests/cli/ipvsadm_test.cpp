// SPDX-License-Identifier: BSD-3-Clause
// The whole command against a daemon that gives prepared replies.
#include "tools/cli/ipvsadm.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/cli/test_names.hpp"
#include "tools/cli/ipvsadm_restore.hpp"
#include "tools/cli/native.hpp"

namespace usher {
namespace {

class PreparedDaemon : public Daemon {
  public:
    explicit PreparedDaemon(std::string line) : line_(std::move(line)) {}
    Result<Reply> ask(const Json& request) override {
        asked = request;
        if (line_.empty()) return fail(Errc::unavailable, "usher: cannot reach usherd");
        return read_reply(line_);
    }
    Json asked;

  private:
    std::string line_;
};

struct Ran {
    int exit_code;
    std::string out;
    std::string err;
    std::string asked;
};

Ran ipvsadm(const std::string& words, const std::string& reply, const std::string& input = "") {
    PreparedDaemon daemon(reply);
    const NameResolver resolver = test_resolver();
    const EndpointNames names = test_names();
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    const int code =
        run_ipvsadm("ipvsadm", restore_words(words), {daemon, resolver, names, {in, out, err}});
    return {code, out.str(), err.str(), daemon.asked.dump()};
}

struct Refusal {
    const char* words;
    Errc code;
    const char* err;
    int exit_code = 255;
};

constexpr const char* kInvalid =
    "Invalid operation.  Possibly wrong module version, address not unicast, ...\n";

constexpr Refusal kRefusals[] = {
    {"-A -t 10.9.0.1:80 -s rr", Errc::exists, "Service already exists\n"},
    {"-A -t 10.9.0.2:80 -s nosuch", Errc::no_such_entry,
     "Scheduler or persistence engine not found\n"},
    {"-A -t 10.9.0.2:80", Errc::no_such_service, "No such process\n"},
    {"-E -t 10.9.0.9:80 -s rr", Errc::no_such_service, "No such service\n"},
    {"-E -t 10.9.0.1:80 -s nosuch", Errc::no_such_entry,
     "Scheduler or persistence engine not found\n"},
    {"-D -t 10.9.0.9:80", Errc::no_such_service, "No such service\n"},
    {"-a -t 10.9.0.9:80 -r 10.2.0.11:80 -m", Errc::no_such_service, "Service not defined\n"},
    {"-a -t 10.9.0.1:80 -r 10.2.0.11:80 -m", Errc::exists, "Destination already exists\n"},
    {"-e -t 10.9.0.9:80 -r 10.2.0.11:80 -m", Errc::no_such_service, "Service not defined\n"},
    {"-e -t 10.9.0.1:80 -r 10.2.0.99:80 -m", Errc::no_such_entry, "No such destination\n"},
    {"-d -t 10.9.0.9:80 -r 10.2.0.11:80", Errc::no_such_service, "Service not defined\n"},
    {"-d -t 10.9.0.1:80 -r 10.2.0.99:80", Errc::no_such_entry, "No such destination\n"},
    {"-a -t 10.9.0.1:80 -r 10.2.0.18:80 -m -x 5 -y 10", Errc::out_of_range,
     "Numerical result out of range\n"},
    {"-a -t 10.9.0.1:80 -r 224.0.0.1:80 -m", Errc::invalid, kInvalid},
    {"-Z -t 10.9.0.99:80", Errc::no_such_service, "No such service\n"},
    {"-Ln -t 10.9.0.99:80", Errc::no_such_service, "No such service\n", 1},
    {"-A -t 1.1.1.1:1", Errc::not_supported, "the daemon's sentence\n"},
};

TEST(Ipvsadm, RefusalsHaveIpvsadmsTexts) {
    for (const Refusal& refusal : kRefusals) {
        const Ran ran =
            ipvsadm(refusal.words, failure_line({refusal.code, "the daemon's sentence"}));
        EXPECT_EQ(ran.err, refusal.err) << refusal.words;
        EXPECT_EQ(ran.exit_code, refusal.exit_code) << refusal.words;
        EXPECT_EQ(ran.out, "") << refusal.words;
    }
}

TEST(Ipvsadm, WithoutTheDaemon) {
    EXPECT_EQ(ipvsadm("-Ln", "").exit_code, 2);
    EXPECT_EQ(ipvsadm("-C", "").err, "usher: cannot reach usherd\n");
    EXPECT_EQ(ipvsadm("--help", "").exit_code, 0);
    EXPECT_EQ(ipvsadm("--version", "").exit_code, 0);
}

TEST(Ipvsadm, EmptyTable) {
    const Ran ran = ipvsadm("-Ln", success_line(to_wire(ServiceListing{"1.2.1", 4096, {}})));
    EXPECT_EQ(ran.exit_code, 0);
    EXPECT_EQ(ran.out,
              "IP Virtual Server version 1.2.1 (size=4096)\n"
              "Prot LocalAddress:Port Scheduler Flags\n"
              "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n");
    EXPECT_EQ(ran.asked, R"({"command":"service.list"})");
}

TEST(Ipvsadm, RestoreIsOneBatch) {
    const Ran ran =
        ipvsadm("-R", success_line(nullptr), "# comment\n\nipvsadm -C\r\n-D -t 10.9.0.1:80\n");
    EXPECT_EQ(ran.exit_code, 0);
    EXPECT_EQ(ran.asked, R"({"command":"batch","commands":[{"command":"service.clear"},)"
                         R"({"command":"service.delete","service":)"
                         R"({"address":"10.9.0.1","port":80,"protocol":"tcp"}}]})");
}

TEST(Ipvsadm, RestoreNamesTheLine) {
    Ran ran = ipvsadm("-R", success_line(nullptr), "-C\n\n-A -t 1.1.1.1:80 -s\n");
    EXPECT_EQ(ran.err, "line 3: -s: missing argument\n");
    EXPECT_EQ(ran.exit_code, 255);
    EXPECT_EQ(ran.asked, "null");
    ran = ipvsadm("-R", failure_line({Errc::exists, ""}, 1), "-C\n#\n-A -t 1.1.1.1:80\n");
    EXPECT_EQ(ran.err, "line 3: Service already exists\n");
    EXPECT_EQ(ran.exit_code, 255);
    EXPECT_EQ(ipvsadm("-R", "", "-Ln\n").err,
              "line 1: only -A -E -D -C -a -e -d and --set can be restored\n");
    EXPECT_EQ(ipvsadm("-R", "", "foo\n").err,
              "line 1: a command such as -A or -a must come first\n");
}

std::string native(std::vector<std::string> words, const std::string& reply, int expected) {
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    Json asked;
    struct Recorder : PreparedDaemon {
        Recorder(const std::string& line, Json& into) : PreparedDaemon(line), kept(into) {}
        Result<Reply> ask(const Json& request) override {
            kept = request;
            return PreparedDaemon::ask(request);
        }
        Json& kept;
    };
    const auto connect = [&](const std::string&) -> std::unique_ptr<Daemon> {
        return std::make_unique<Recorder>(reply, asked);
    };
    EXPECT_EQ(run_native(std::move(words), {connect, test_resolver(), {in, out, err}}), expected);
    return asked.is_null() ? err.str() : asked.dump() + "|" + out.str() + "|" + err.str();
}

TEST(Native, AddsAServer) {
    EXPECT_EQ(native({"server", "add", "tcp", "192.0.2.1:80", "10.0.0.1", "--weight", "2"},
                     success_line(nullptr), 0),
              R"({"command":"server.add","options":{"forwarding":"masquerade",)"
              R"("lower_threshold":0,"tunnel":"ipip","tunnel_flags":0,"tunnel_port":0,)"
              R"("upper_threshold":0,"weight":2},"server":{"address":"10.0.0.1","port":80},)"
              R"("service":{"address":"192.0.2.1","port":80,"protocol":"tcp"}}||)");
}

TEST(Native, ShowsTablesAndRefusals) {
    EXPECT_EQ(native({"drop"}, success_line({{"no_service", 5}, {"ttl", 12345}}), 0),
              "{\"command\":\"drop.list\"}|REASON      PACKETS\n"
              "no_service        5\n"
              "ttl           12345\n|");
    EXPECT_EQ(native({"service", "clear"}, failure_line({Errc::permission, "no"}), 1),
              "{\"command\":\"service.clear\"}||usher: no\n");
    EXPECT_EQ(native({"timeout", "get", "--json"}, success_line({{"tcp", 1}}), 0),
              "{\"command\":\"timeout.get\"}|{\n  \"tcp\": 1\n}\n|");
    EXPECT_EQ(native({"service", "add", "tcp", "nonsense"}, "", 2),
              "usher: 'nonsense' is not ADDRESS:PORT of a service\n");
}

}  // namespace
}  // namespace usher
