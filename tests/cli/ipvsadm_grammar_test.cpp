// SPDX-License-Identifier: BSD-3-Clause
// Each line was run on ipvsadm 1.31; the texts and exit codes are what it answered.
#include "tools/cli/ipvsadm_grammar.hpp"

#include <gtest/gtest.h>

#include "tests/cli/test_names.hpp"
#include "tools/cli/ipvsadm.hpp"
#include "tools/cli/ipvsadm_restore.hpp"

namespace usher {
namespace {

tl::expected<Invocation, UsageError> parse(const std::string& line) {
    const NameResolver names = test_resolver();
    return parse_ipvsadm("ipvsadm", restore_words(line), names);
}

struct Misuse {
    const char* line;
    const char* text;
    int exit_code = 2;
};

constexpr const char* kTryHelp = "Try `ipvsadm -h' or 'ipvsadm --help' for more information.";
constexpr const char* kBadService = "illegal virtual server address[:port] specified";
constexpr const char* kBadServer = "illegal real server address[:port] specified";

constexpr Misuse kMisuses[] = {
    {"-A -t 10.9.0.300:80 -s rr", kBadService},
    {"-A -t 10.9.0.2:99999 -s rr", kBadService},
    {"-A -t :80 -s rr", kBadService},
    {"-A -t 10.9.0.2 -s rr", "Zero port specified for non-persistent service"},
    {"-A -t 10.9.0.2:0 -s rr", "Zero port specified for non-persistent service"},
    {"-A -u 10.9.0.2:0 -s rr", "Zero port specified for non-persistent service"},
    {"-E -t 10.9.0.1", "Zero port specified for non-persistent service"},
    {"-a -t 10.9.0.1:80 -r 10.2.0.12:80 -m -w -1", "illegal weight specified"},
    {"-a -t 10.9.0.1:80 -r 10.2.0.15:80 -m -w 2147483648", "illegal weight specified"},
    {"-a -t 10.9.0.1:80 -r 10.2.0.15:80 -m -w abc", "illegal weight specified"},
    {"-e -t 10.9.0.1:80 -r 10.2.0.11:80 -m -x -1", "illegal u_threshold specified"},
    {"-e -t 10.9.0.1:80 -r 10.2.0.11:80 -m -y x", "illegal l_threshold specified"},
    {"-a -t 10.9.0.1:80 -r 10.2.0.18:80 -m -g", "multiple 'forwarding-method' options specified"},
    {"-a -t 10.9.0.1:80 -r [fd00:2::11]:80 -m",
     "Different address family is allowed only for tunneling servers"},
    {"-a -t 10.9.0.1:80 -r nosuchhost:80 -m", kBadServer},
    {"-a -t 10.9.0.1:80 -r :80", kBadServer},
    {"-A -t 10.9.0.4:80 -s rr -p 0", "invalid timeout value `0' specified"},
    {"-A -t 10.9.0.4:80 -s rr -p 99999999", "invalid timeout value `99999999' specified"},
    {"-E -t 10.9.0.1:80 -p 2678401", "invalid timeout value `2678401' specified"},
    {"-A -t 10.9.0.5:80 -s rr -p -5", "-5: unknown option", 255},
    {"-A -t 10.9.0.6:80 -s rr -p 5 -M 999.0.0.0",
     "illegal virtual server persistent mask specified"},
    {"-A -t [fd00:9::1]:80 -s rr -p 5 -M 129", "illegal ipv6 netmask specified"},
    {"-A -t 10.9.0.6:80 -s rr -b nosuch", "invalid scheduler flag `nosuch'"},
    {"-A -t 10.9.0.7:80 -s rr -b sh-port", "incompatible scheduler flag `sh-port'"},
    {"-A -t 10.9.0.7:80 -s mh -b mh-port,sh-port", "incompatible scheduler flag `sh-port'"},
    {"-A -t 10.9.0.8:80 -s rr -o", "One-Packet Scheduling is only for UDP virtual services"},
    {"-A -f 0 -s rr", "invalid fwmark value `0' specified"},
    {"-A -f -1 -s rr", "invalid fwmark value `-1' specified"},
    {"-A -f 4294967296 -s rr", "invalid fwmark value `4294967296' specified"},
    {"-A -f abc -s rr", "invalid fwmark value `abc' specified"},
    {"-A -f 0x10", "invalid fwmark value `0x10' specified"},
    {"-A -6 -f 7", "-6 used before -f\n"},
    {"-A -t 1.2.3.4:80 -6", "-6 used before -f\n"},
    {"-A", "You need to supply the 'service-address' option for the 'add-service' command"},
    {"-A -s rr", "You need to supply the 'service-address' option for the 'add-service' command"},
    {"-d -t 10.9.0.1:80",
     "You need to supply the 'real-server' option for the 'delete-server' command"},
    {"-a -t 10.9.0.1:80",
     "You need to supply the 'real-server' option for the 'add-server' command"},
    {"-t 10.9.0.1:80", kTryHelp, 255},
    {"-n -L", kTryHelp, 255},
    {"--bogus", kTryHelp, 255},
    {"extra", kTryHelp, 255},
    {"-A=1", kTryHelp, 255},
    {"--set=5 1 2", kTryHelp, 255},
    {"--start-daemon", kTryHelp, 255},
    {"-A -D -t 10.9.0.1:80", "invalid option `-D'"},
    {"-L -h", "invalid option `-h'"},
    {"-LA", "invalid option `-LA'"},
    {"-L --clear", "invalid option `--clear'"},
    {"-L -x 5", "Illegal 'u-threshold' option with the 'list' command"},
    {"-C -n", "Illegal 'numeric' option with the 'flush' command"},
    {"-Z -n", "Illegal 'numeric' option with the 'zero' command"},
    {"-D -t 10.9.0.1:80 -s rr", "Illegal 'scheduler' option with the 'delete-service' command"},
    {"-d -t 10.9.0.1:80 -r 10.2.0.1:80 -m",
     "Illegal 'forwarding-method' option with the 'delete-server' command"},
    {"-A -t 10.9.0.13:80 -s rr -w 5", "Illegal 'weight' option with the 'add-service' command"},
    {"-A -t 1.2.3.4:80 -b nosuch -w 5", "invalid scheduler flag `nosuch'"},
    {"-A -t 10.9.0.1:80 -u 10.9.0.1:80 -s rr", "multiple 'service-address' options specified"},
    {"-Ln --stats --stats", "multiple 'stats' options specified"},
    {"--set 1 2", "--set option requires 3 timeout values"},
    {"--set 1 -n 3", "--set option requires 3 timeout values"},
    {"--set -1 0 0", "-1: unknown option", 255},
    {"--set 99999999 0 0", "invalid timeout value `99999999' specified"},
    {"--set 1 2 3 4", "unexpected argument 4"},
    {"--set 1 2 3 -n", "Illegal 'numeric' option with the 'set' command"},
    {"-A -t 10.9.0.10:80 -s rr extra", "unexpected argument extra"},
    {"-C extra", "unexpected argument extra"},
    {"-L -", "unexpected argument -"},
    {"-A -t 10.9.0.1:80 -s", "-s: missing argument", 255},
    {"-A -t 10.9.0.1:80 -os", "-os: missing argument", 255},
    {"-A -t 10.9.0.1:80 --stat", "--stat: unknown option", 255},
    {"-L --numeric=5", "--numeric=5: option does not take an argument", 255},
    {"-Lnc -t 10.9.0.1:80",
     "The option 'service-address' conflicts with the 'connection' option in the 'list' command"},
    {"-L --timeout --daemon",
     "The option 'daemon' conflicts with the 'timeout' option in the 'list' command"},
    {"-L -c --stats", "options conflicts in the list command"},
    {"-L --timeout --persistent-conn", "options conflicts in the list command"},
    {"-a -t 1.1.1.1:1 -r 2.2.2.2:2 -m --tun-type ipip",
     "Tunnel options conflict with forward method"},
    {"-a -t 1.1.1.1:1 -r 2.2.2.2:2 -i --tun-type nosuch", "illegal tunnel type specified"},
    {"-a -t 1.1.1.1:1 -r 2.2.2.2:2 -i --tun-type gue",
     "You need to supply the 'tun-port' option for the 'gue' tunnel type"},
    {"-a -t 1.1.1.1:1 -r 2.2.2.2:2 -i --tun-csum",
     "Illegal 'tun-csum' option with the 'ipip' tunnel type"},
    {"-a -t 1.1.1.1:1 -r 2.2.2.2:2 -i --tun-type gue --tun-port 5 --tun-csum --tun-remcsum",
     "The option 'tun-remcsum' conflicts with the 'tun-csum' option in the 'gue' tunnel type"},
    {"-a -t 1.1.1.1:1 -r 2.2.2.2:2 -i --tun-type gue --tun-port 0",
     "illegal tunnel port specified"},
    {"--start-daemon foo", "illegal start-daemon parameter specified"},
    {"--stop-daemon foo", "illegal start_daemon specified"},
    {"--start-daemon master --syncid 256", "illegal syncid specified"},
    {"--start-daemon master --mcast-group 10.0.0.1", "invalid IPv4 mcast-group `10.0.0.1'"},
    {"--start-daemon master --mcast-group fd00::1", "invalid IPv6 mcast-group `fd00::1'"},
    {"--start-daemon master --mcast-ttl 0", "illegal mcast-ttl specified"},
    {"--start-daemon master --sync-maxlen 65508", "illegal sync-maxlen specified"},
    {"--stop-daemon master --mcast-interface eth0",
     "Illegal 'mcast-interface' option with the 'stop-daemon' command"},
};

TEST(IpvsadmGrammar, Misuses) {
    for (const Misuse& misuse : kMisuses) {
        const auto call = parse(misuse.line);
        ASSERT_FALSE(call) << misuse.line;
        EXPECT_EQ(call.error().text, misuse.text) << misuse.line;
        EXPECT_EQ(call.error().exit_code, misuse.exit_code) << misuse.line;
    }
}

struct Change {
    const char* line;
    const char* request;
};

constexpr Change kChanges[] = {
    {"-A -t 10.9.0.1:80",
     R"({"command":"service.add","options":{"flags":0,"persistence":0,"persistence_bits":32,)"
     R"("persistence_engine":"","scheduler":"wlc"},)"
     R"("service":{"address":"10.9.0.1","port":80,"protocol":"tcp"}})"},
    {"-E -u 10.9.0.1:53 -s sh -b sh-port,sh-fallback -o -p -M 255.255.255.0 --pe sip",
     R"({"command":"service.edit","options":{"flags":28,"persistence":360,"persistence_bits":24,)"
     R"("persistence_engine":"sip","scheduler":"sh"},)"
     R"("service":{"address":"10.9.0.1","port":53,"protocol":"udp"}})"},
    {"-A -t 10.9.0.1:80 -s rr -p 60 -M 0.0.0.0",
     R"({"command":"service.add","options":{"flags":0,"persistence":60,"persistence_bits":0,)"
     R"("persistence_engine":"","scheduler":"rr"},)"
     R"("service":{"address":"10.9.0.1","port":80,"protocol":"tcp"}})"},
    {"-A -M 64 -t [fd00:9::1]:80 -p600 -savery_long_scheduler",
     nullptr},  // read as 0.0.0.64 before the family is known, which is no prefix
    {"-D -f 8 -6", R"({"command":"service.delete","service":{"family":"ipv6","fwmark":8}})"},
    {"-Z", R"({"command":"stats.zero"})"},
    {"-C --", R"({"command":"service.clear"})"},
    {"--set 100 0 33", R"({"command":"timeout.set","tcp":100,"tcp_fin":0,"udp":33})"},
    {"-a -t 10.9.0.1:80 -r 10.2.0.16 -m -w 2147483647 -x 9 -y 3",
     R"({"command":"server.add","options":{"lower_threshold":3,"upper_threshold":9,)"
     R"("weight":2147483647},"server":{"address":"10.2.0.16","port":80},)"
     R"("service":{"address":"10.9.0.1","port":80,"protocol":"tcp"}})"},
    {"-ew +5 -r 10.2.0.16:81 -t=10.9.0.1:80",  // -g: the server's port is the service's
     R"({"command":"server.edit","options":{"forwarding":"route","weight":5},)"
     R"("server":{"address":"10.2.0.16","port":80},)"
     R"("service":{"address":"10.9.0.1","port":80,"protocol":"tcp"}})"},
    {"-d -r 10.2.0.1 -t 1.2.3.4:80",  // the port is copied only when the service came first
     R"({"command":"server.delete","server":{"address":"10.2.0.1","port":0},)"
     R"("service":{"address":"1.2.3.4","port":80,"protocol":"tcp"}})"},
};

TEST(IpvsadmGrammar, Changes) {
    for (const Change& change : kChanges) {
        const auto call = parse(change.line);
        if (change.request == nullptr) {
            EXPECT_FALSE(call) << change.line;
            continue;
        }
        ASSERT_TRUE(call) << change.line << ": " << call.error().text;
        EXPECT_EQ(change_request(*call).dump(), change.request) << change.line;
    }
}

TEST(IpvsadmGrammar, ListOptions) {
    const auto all = parse("");
    ASSERT_TRUE(all);
    EXPECT_EQ(all->command, IpvsCommand::list);
    EXPECT_EQ(all->list, ListOptions{});
    const auto call = parse("-Lnt10.9.0.1:80 --stats -X --sort --sort --syncid 5");
    ASSERT_TRUE(call);
    EXPECT_TRUE(call->list.numeric && call->list.stats && call->list.exact);
    EXPECT_EQ(call->service->to_string(), "TCP 10.9.0.1:80");
}

TEST(IpvsadmGrammar, SchedulerNameIsCutAsTheKernelDoes) {
    EXPECT_EQ(parse("-A -t 1.1.1.1:1 -s averyveryverylongname")->service_options.scheduler,
              "averyveryverylo");
    EXPECT_EQ(parse("-A -t 1.1.1.1:1 --scheduler=")->service_options.scheduler, "wlc");
}

}  // namespace
}  // namespace usher
