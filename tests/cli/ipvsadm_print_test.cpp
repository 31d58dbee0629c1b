// SPDX-License-Identifier: BSD-3-Clause
// Expected texts are what ipvsadm 1.31 printed for the same table, except that -S writes thresholds
// and addresses sort as unsigned numbers (docs/man/ipvsadm-usher.8).
#include "tools/cli/ipvsadm_print.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/cli/test_names.hpp"
#include "tools/cli/ipvsadm_grammar.hpp"
#include "tools/cli/ipvsadm_restore.hpp"

namespace usher {
namespace {

constexpr const char* kCommands = R"(-A -t 10.9.0.1:80 -s rr
-a -t 10.9.0.1:80 -r 10.2.0.11:80 -m -w 1
-a -t 10.9.0.1:80 -r 10.2.0.12:8080 -m -w 100 -x 50 -y 10
-A -t 10.9.0.1:443 -s wlc -p 300
-a -t 10.9.0.1:443 -r 10.2.0.11:443 -g -w 1
-a -t 10.9.0.1:443 -r 10.2.0.12:443 -i -w 2 --tun-type ipip
-a -t 10.9.0.1:443 -r 10.2.0.19:443 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum
-a -t 10.9.0.1:443 -r 10.2.0.20:443 -i -w 1 --tun-type gre --tun-csum
-A -t 10.9.0.2:80 -s mh -p 360 -M 255.255.255.0 -b mh-fallback,mh-port
-A -t 10.9.0.4:0 -s rr -p 50 -M 0.0.0.0
-A -t 10.9.0.5:80 -s rr -b flag-1,flag-3
-A -u 10.9.0.1:53 -s sh -o -b sh-fallback,sh-port
-a -u 10.9.0.1:53 -r 10.2.0.13:53 -m -w 1
-A -u 10.9.0.3:5060 -s rr -p 60 --pe sip -o
-A --sctp-service 10.9.0.6:99 -s lblcr
-A -t [fd00:9::1]:80 -s dh -p 100 -M 64
-a -t [fd00:9::1]:80 -r [fd00:2::11]:80 -m -w 65535
-a -t [fd00:9::1]:80 -r [fd00:2:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535 -m -w 5
-A -f 7 -s wrr -p 360
-a -f 7 -r 10.2.0.11:0 -m -w 3
-A -f 8 -6 -s lc
-a -f 8 -6 -r [fd00:2::11]:0 -m -w 1
)";

// The table that the commands make.
ServiceListing table() {
    ServiceListing listing{"1.2.1", 4096, {}};
    std::istringstream lines(kCommands);
    const NameResolver names = test_resolver();
    for (std::string line; std::getline(lines, line);) {
        const auto call = parse_ipvsadm("ipvsadm", restore_words(line), names);
        if (!call) throw std::runtime_error(line + ": " + call.error().text);
        if (call->command == IpvsCommand::add_service)
            listing.services.push_back({*call->service, call->service_options, {}, {}, {}});
        else
            listing.services.back().servers.push_back(
                {call->server, call->server_options, 0, 0, 0, {}, {}});
    }
    sort_listing(listing);
    return listing;
}

TEST(IpvsadmPrint, SavedCommandsAreThoseThatMadeTheTable) {
    EXPECT_EQ(print_commands(table(), {}), kCommands);
}

TEST(IpvsadmPrint, Plain) {
    EXPECT_EQ(print_services(table(), {}, {}, true),
              R"(IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.9.0.1:80 rr
  -> 10.2.0.11:80                 Masq    1      0          0         
  -> 10.2.0.12:8080               Masq    100    0          0         
TCP  10.9.0.1:443 wlc persistent 300
  -> 10.2.0.11:443                Route   1      0          0         
  -> 10.2.0.12:443                Tunnel  2      0          0         
  -> 10.2.0.19:443                Tunnel  1      0          0         
  -> 10.2.0.20:443                Tunnel  1      0          0         
TCP  10.9.0.2:80 mh (mh-fallback,mh-port) persistent 360 mask 255.255.255.0
TCP  10.9.0.4:0 rr persistent 50 mask 0.0.0.0
TCP  10.9.0.5:80 rr (flag-1,flag-3)
UDP  10.9.0.1:53 sh (sh-fallback,sh-port) ops
  -> 10.2.0.13:53                 Masq    1      0          0         
UDP  10.9.0.3:5060 rr persistent 60 pe sip ops
SCTP 10.9.0.6:99 lblcr
TCP  [fd00:9::1]:80 dh persistent 100 mask 64
  -> [fd00:2::11]:80              Masq    65535  0          0         
  -> [fd00:2:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535 Masq    5      0          0         
FWM  7 wrr persistent 360
  -> 10.2.0.11:0                  Masq    3      0          0         
FWM  8 IPv6 lc
  -> [fd00:2::11]:0               Masq    1      0          0         
)");
}

ServiceListing one_service() {
    ServiceListing listing = table();
    listing.services.resize(1);
    listing.services[0].stats = {6, 25, 19, 62184, 150155252};
    listing.services[0].rate = {0, 2, 1, 306, 1338};
    listing.services[0].servers[0].stats = {3, 12, 9, 2148, 9492};
    listing.services[0].servers[0].rate = {0, 1, 1, 151, 667};
    listing.services[0].servers[1].active = 3;
    listing.services[0].servers[1].persistent = 1;
    return listing;
}

TEST(IpvsadmPrint, Counters) {
    EXPECT_EQ(print_services(one_service(), {.stats = true, .rate = true}, {}, false),
              R"(Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  10.9.0.1:80                         6       25       19    62184  150155K
  -> 10.2.0.11:80                        3       12        9     2148     9492
  -> 10.2.0.12:8080                      0        0        0        0        0
)");
    EXPECT_EQ(print_services(one_service(), {.stats = true, .exact = true}, {}, false),
              R"(Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  10.9.0.1:80                         6       25       19    62184 150155252
  -> 10.2.0.11:80                        3       12        9     2148     9492
  -> 10.2.0.12:8080                      0        0        0        0        0
)");
    EXPECT_EQ(print_services(one_service(), {.rate = true}, {}, false),
              R"(Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS
  -> RemoteAddress:Port
TCP  10.9.0.1:80                         0        2        1      306     1338
  -> 10.2.0.11:80                        0        1        1      151      667
  -> 10.2.0.12:8080                      0        0        0        0        0
)");
}

TEST(IpvsadmPrint, OtherFormats) {
    EXPECT_EQ(print_services(one_service(), {.thresholds = true}, {}, false),
              "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n"
              "  -> RemoteAddress:Port\n"
              "TCP  10.9.0.1:80 rr\n"
              "  -> 10.2.0.11:80                 0          0          0          0         \n"
              "  -> 10.2.0.12:8080               50         10         3          0         \n");
    EXPECT_EQ(print_services(one_service(), {.persistent_conn = true}, {}, false),
              "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n"
              "  -> RemoteAddress:Port\n"
              "TCP  10.9.0.1:80 rr\n"
              "  -> 10.2.0.11:80                 1         0           0          0         \n"
              "  -> 10.2.0.12:8080               100       1           3          0         \n");
    ServiceListing tunnels = table();
    tunnels.services = {tunnels.services[1]};
    EXPECT_EQ(print_services(tunnels, {.tun_info = true}, {}, false),
              R"(Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn
TCP  10.9.0.1:443 wlc persistent 300
  -> 10.2.0.11:443                Route   n/a           1      0          0         
  -> 10.2.0.12:443                Tunnel  ipip          2      0          0         
  -> 10.2.0.19:443                Tunnel  gue:6080:-c   1      0          0         
  -> 10.2.0.20:443                Tunnel  gre:+c        1      0          0         
)");
}

TEST(IpvsadmPrint, NamesAreCutToTheColumn) {
    ServiceListing listing = one_service();
    listing.services[0].servers[0].key.address = *IpAddress::parse("10.2.0.99");
    EXPECT_EQ(print_services(listing, {}, test_names(), false),
              R"(Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.9.0.1:http rr
  -> xxxxxxxxxxxxxxxxxxxxxxxxxxxx Masq    1      0          0         
  -> 10.2.0.12:http-alt           Masq    100    3          0         
)");
}

TEST(IpvsadmPrint, Connections) {
    const auto end = [](const char* address, std::uint16_t port) {
        return ServerKey{*IpAddress::parse(address), port};
    };
    const std::vector<ConnectionRow> rows = {
        {Protocol::tcp, "ESTABLISHED", 894, end("10.1.0.5", 40001), end("10.9.0.1", 80),
         end("10.2.0.12", 8080)},
        {Protocol::ip, "NONE", 6000, end("10.1.0.5", 0), end("0.0.0.7", 0), end("10.2.0.11", 0)}};
    EXPECT_EQ(print_connections(rows, {}),
              R"(IPVS connection entries
pro expire state       source             virtual            destination
TCP 14:54  ESTABLISHED 10.1.0.5:40001     10.9.0.1:80        10.2.0.12:8080
IP  100:00 NONE        10.1.0.5:0         0.0.0.7:0          10.2.0.11:0
)");
    EXPECT_NE(print_connections(rows, test_names()).find("10.9.0.1:http      10.2.0.12:http-alt\n"),
              std::string::npos);
}

TEST(IpvsadmPrint, BigNumbers) {
    EXPECT_EQ(counter_text(99999999, false), " 99999999");
    EXPECT_EQ(counter_text(100000000, false), "  100000K");
    EXPECT_EQ(counter_text(12345678901, false), "   12345M");
    EXPECT_EQ(counter_text(100000000000, false), "     100G");
    EXPECT_EQ(counter_text(100000000000000, false), "     100T");
    EXPECT_EQ(counter_text(1234567890, true), " 1234567890");
    EXPECT_EQ(print_timeouts({}), "Timeout (tcp tcpfin udp): 900 120 300\n");
}

TEST(IpvsadmPrint, AddressesSortAsUnsignedNumbers) {
    ServiceListing listing = table();
    auto& servers = listing.services[0].servers;
    servers[0].key.address = *IpAddress::parse("172.31.1.2");
    sort_listing(listing);
    EXPECT_EQ(servers[1].key.address.to_string(), "172.31.1.2");
}

}  // namespace
}  // namespace usher
