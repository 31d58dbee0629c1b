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

TEST(Native, AnMssIsDigits) {
    for (const char* bad : {"0x5b4", "12abc", "65496", "Auto"}) {
        const std::string said =
            native({"service", "add", "tcp", "192.0.2.1:80", "--mss-clamp", bad},
                   success_line(nullptr), 2);
        EXPECT_NE(said.find("expected 0 to 65495 bytes, or auto"), std::string::npos) << said;
    }
    const std::string asked = native(
        {"service", "add", "tcp", "192.0.2.1:80", "--mss-clamp", "1460"}, success_line(nullptr), 0);
    EXPECT_NE(asked.find(R"("mss_clamp":1460)"), std::string::npos) << asked;
}

const Json kVsRow = {{"name", "drop_entry"}, {"value", 1}, {"default", 0},
                     {"least", 0},           {"most", 3},  {"about", "throws out"}};

TEST(Native, Settings) {
    const std::string table =
        "{\"command\":\"vs.list\"}|SETTING     VALUE  DEFAULT  RANGE  WHAT IT DOES\n"
        "drop_entry      1        0  0-3    throws out\n|";
    EXPECT_EQ(native({"vs"}, success_line(Json::array({kVsRow})), 0), table);
    EXPECT_EQ(native({"vs", "list"}, success_line(Json::array({kVsRow})), 0), table);
    EXPECT_EQ(native({"vs", "get", "drop_entry"}, success_line(Json::array({kVsRow})), 0),
              "{\"command\":\"vs.list\"}|1\n|");
    EXPECT_EQ(native({"vs", "set", "net.ipv4.vs.drop_entry", "3"}, success_line(nullptr), 0),
              R"({"command":"vs.set","name":"drop_entry","value":3}||)");
    EXPECT_EQ(native({"vs", "get", "drop_packets"}, "", 1),
              "usher: no setting \"drop_packets\"; did you mean \"drop_packet\"?\n");
    EXPECT_EQ(native({"vs", "get", "run_estimation"}, "", 1),
              "usher: run_estimation does not apply: rates are worked out by the control thread "
              "and cost the packets nothing, so there is nothing to turn off or to place\n");
}

TEST(Native, MarkRules) {
    const std::string one = success_line({{{"mark", 7}, {"destination", "10.9.0.0/16"}}});
    EXPECT_EQ(native({"mark", "list"}, one, 0),
              "{\"command\":\"marks.list\"}|RULE  MARK  FAMILY  PROTOCOL  SOURCE  PORTS  "
              "DESTINATION  PORTS  INTERFACE\n"
              "   1     7  ipv4    *         *       *      10.9.0.0/16  *      *\n|");
    EXPECT_EQ(
        native({"mark", "add", "8", "--protocol", "udp", "--destination-ports", "53", "--at", "1"},
               one, 0),
        R"({"command":"marks.set","expected":[{"destination":"10.9.0.0/16","family":"ipv4",)"
        R"("mark":7}],"marks":[{"destination_ports":"53","family":"ipv4",)"
        R"("mark":8,"protocol":"udp"},{"destination":"10.9.0.0/16","family":"ipv4",)"
        R"("mark":7}]}||)");
    EXPECT_EQ(native({"mark", "delete", "1"}, one, 0),
              R"({"command":"marks.set","expected":[{"destination":"10.9.0.0/16",)"
              R"("family":"ipv4","mark":7}],"marks":[]}||)");
    EXPECT_EQ(native({"mark", "clear"}, one, 0), R"({"command":"marks.set","marks":[]}||)");
    EXPECT_EQ(native({"mark", "add", "8", "--source", "10.0.0.1/8"}, one, 2),
              "usher: mark: 'source' must be ADDRESS or NETWORK/LENGTH without bits after the "
              "prefix\n");
}

// Somebody else adds a rule between the listing and the setting, twice.
TEST(Native, AMarkRuleThatIsOvertakenIsAddedToTheNewOnes) {
    struct Busy : Daemon {
        explicit Busy(std::vector<Json>& kept) : asked(kept) {}
        Result<Reply> ask(const Json& request) override {
            asked.push_back(request);
            if (request["command"] == "marks.list") return read_reply(success_line(rules));
            const bool is_late = asked.size() <= 4;
            if (!is_late) return read_reply(success_line(nullptr));
            rules.push_back({{"mark", 20 + asked.size()}});
            return read_reply(failure_line({Errc::no_such_entry, "changed"}));
        }
        std::vector<Json>& asked;
        Json rules = Json::array();
    };
    const auto run = [](std::vector<std::string> words, int expected) {
        std::istringstream in;
        std::ostringstream out, err;
        std::vector<Json> asked;
        const auto connect = [&](const std::string&) -> std::unique_ptr<Daemon> {
            auto busy = std::make_unique<Busy>(asked);
            busy->rules.push_back({{"mark", 1}});
            return busy;
        };
        EXPECT_EQ(run_native(std::move(words), {connect, test_resolver(), {in, out, err}}),
                  expected);
        return std::pair(asked, err.str());
    };
    const auto [asked, said] = run({"mark", "add", "8"}, 0);
    EXPECT_EQ(said, "");
    ASSERT_EQ(asked.size(), 6U);
    EXPECT_EQ(asked[5]["expected"].size(), 3U);
    EXPECT_EQ(asked[5]["marks"].size(), 4U);
    EXPECT_EQ(run({"mark", "delete", "1"}, 1).second,
              "usher: somebody has changed the mark rules meanwhile; look at the list again\n");
}

TEST(Native, UnknownWords) {
    EXPECT_EQ(native({"serivce", "list"}, "", 2),
              "usher: 'serivce' is unknown; 'usher --help' lists what there is\n");
    EXPECT_EQ(native({"service", "lst"}, "", 2),
              "usher: 'lst' is unknown; 'usher service --help' lists what there is\n");
    EXPECT_EQ(native({"service"}, "", 2),
              "A subcommand is required\nRun with --help for more information.\n");
    EXPECT_EQ(native({"vs", "set", "drop_entry"}, "", 2),
              "VALUE is required\nRun with --help for more information.\n");
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
