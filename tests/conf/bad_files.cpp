// SPDX-License-Identifier: BSD-3-Clause
// Bad files, each with the whole text that the operator sees.
#include <gtest/gtest.h>

#include <string>

#include "conf/read.hpp"

namespace usher {
namespace {

struct BadFile {
    const char* name;
    const char* text;
    const char* errors;
};

std::ostream& operator<<(std::ostream& out, const BadFile& bad) {
    return out << bad.name;
}

class BadFiles : public testing::TestWithParam<BadFile> {};

TEST_P(BadFiles, say_where_and_what) {
    const ConfigResult result = parse_config(GetParam().text, "f");
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(to_string(result.error()), GetParam().errors);
}

constexpr BadFile kSyntax[] = {
    {"no_value", "[log]\nlevel =\n",
     "f:2:8: Error while parsing key-value pair: expected value, saw '\\n'\n"},
    {"key_twice", "[log]\nlevel = \"info\"\nlevel = \"info\"\n",
     "f:3:9: Error while parsing key-value pair: cannot redefine existing string 'level'\n"},
    {"unclosed_header", "[[service]\n",
     "f:1:11: Error while parsing table header: expected ']', saw '\\n'\n"},
    {"not_utf8", "[log]\nlevel = \"\xff\"\n", "f:2:9: Encountered invalid utf-8 sequence\n"},
    {"binary", "\x01\x02\x03",
     "f:1:1: Error while parsing root table: expected keys, tables, whitespace or comments, saw "
     "'\\u0001'\n"},
    {"integer_overflow", "[timeouts]\ntcp = 99999999999999999999\n",
     "f:2:27: Error while parsing decimal integer: '99999999999999999999' is not representable in "
     "64 bits\n"},
};
constexpr BadFile kVsAndOptions[] = {
    {"unknown_setting", "[vs]\ndrop_entri = 1\n",
     "f:2:1: unknown key \"drop_entri\" in [vs]: did you mean \"drop_entry\"?\n"},
    {"setting_that_does_not_apply", "[vs]\nsync_ports = 1\ndrop_entry = 1\n",
     "f:2:14: sync_ports does not apply: connections are not synchronised with another director, "
     "so there is nothing to tune\n"},
    {"setting_too_great", "[vs]\nconn_reuse_mode = 4\n",
     "f:2:19: conn_reuse_mode: expected an integer from 0 to 3, found 4\n"},
    {"setting_as_text", "[vs]\nsloppy_tcp = true\n",
     "f:2:14: sloppy_tcp: expected an integer from 0 to 1, found a boolean\n"},
    {"idle_timeout", "[[service]]\ntcp = \"192.0.2.1:80\"\nidle_timeout = 2678401\n",
     "f:3:16: idle_timeout: expected an integer from 0 to 2678400, found 2678401\n"},
    {"slow_start", "[[service]]\ntcp = \"192.0.2.1:80\"\nslow_start = -1\n",
     "f:3:14: slow_start: expected an integer from 0 to 86400, found -1\n"},
};
constexpr BadFile kMasquerade[] = {
    {"no_inside", "[[masquerade]]\noutside = [\"203.0.113.1\"]\n",
     "f:1:1: missing inside = [\"NETWORK/LENGTH\"] in [[masquerade]]\n"},
    {"empty_inside", "[[masquerade]]\ninside = []\n",
     "f:2:10: inside: expected at least one network\n"},
    {"inside_with_bits", "[[masquerade]]\ninside = [\"10.0.0.0/8\", \"10.0.0.1/8\"]\n",
     "f:2:25: inside: expected \"ADDRESS\" or \"NETWORK/LENGTH\" without bits after the prefix, "
     "found \"10.0.0.1/8\"\n"},
    {"everything_inside", "[[masquerade]]\ninside = [\"0.0.0.0/0\"]\n",
     "f:2:10: inside: 0.0.0.0/0 leaves no outside\n"},
    {"bad_range",
     "[[masquerade]]\ninside = [\"10.0.0.0/8\"]\noutside = [\"203.0.113.9-203.0.113.1\"]\n",
     "f:3:12: outside: expected \"ADDRESS\" or \"FIRST-LAST\" in rising order, of at most 224 "
     "addresses, found \"203.0.113.9-203.0.113.1\"\n"},
    {"outside_as_text", "[[masquerade]]\ninside = [\"10.0.0.0/8\"]\noutside = \"203.0.113.9\"\n",
     "f:3:11: outside: expected an array, found a string\n"},
    {"multicast", "[[masquerade]]\ninside = [\"10.0.0.0/8\"]\noutside = [\"224.0.0.1\"]\n",
     "f:3:11: outside: expected unicast addresses that can be routed, found 224.0.0.1\n"},
    {"no_such_family",
     "[[masquerade]]\ninside = [\"10.0.0.0/8\", \"fd00::/64\"]\n"
     "outside = [\"203.0.113.1\"]\n",
     "f:2:10: inside: fd00::/64 is an IPv6 network, and outside has no such address\n"},
    {"overlap",
     "[[masquerade]]\ninside = [\"10.0.0.0/8\"]\n"
     "outside = [\"203.0.113.1-203.0.113.5\", \"203.0.113.5\"]\n",
     "f:3:11: outside: 203.0.113.1-203.0.113.5 and 203.0.113.5 overlap\n"},
    {"overlap_with_another",
     "[[masquerade]]\ninside = [\"10.0.0.0/8\"]\noutside = [\"203.0.113.5\"]\n"
     "[[masquerade]]\ninside = [\"11.0.0.0/8\"]\n"
     "outside = [\"203.0.113.1-203.0.113.5\"]\n",
     "f:6:11: outside: 203.0.113.1-203.0.113.5 overlaps with 203.0.113.5 of a rule before\n"},
    {"outside_is_inside",
     "[[masquerade]]\ninside = [\"10.0.0.0/8\"]\n"
     "outside = [\"10.255.255.250-11.0.0.1\"]\n",
     "f:3:11: outside: 10.255.255.250-11.0.0.1 of outside is in 10.0.0.0/8 of inside\n"},
    {"outside_is_inside_of_another",
     "[[masquerade]]\ninside = [\"10.0.0.0/8\"]\n"
     "outside = [\"203.0.113.1\"]\n"
     "[[masquerade]]\ninside = [\"203.0.113.0/24\"]\n",
     "f:5:10: inside: 203.0.113.1 of outside is in 203.0.113.0/24 of inside\n"},
    {"ports", "[[masquerade]]\ninside = [\"10.0.0.0/8\"]\nports = \"2-1\"\n",
     "f:3:9: ports: expected \"PORT\" or \"FIRST-LAST\", such as \"61000-65535\", found \"2-1\"\n"},
    {"port_0", "[[masquerade]]\ninside = [\"10.0.0.0/8\"]\nports = \"0-1\"\n",
     "f:3:9: ports: expected FIRST-LAST in rising order, from 1 on\n"},
    {"unknown_key", "[[masquerade]]\ninside = [\"10.0.0.0/8\"]\noutsied = []\n",
     "f:3:1: unknown key \"outsied\" in [[masquerade]]: did you mean \"outside\"?\n"},
    {"other", "[forwarding]\nother = \"pass\"\n",
     "f:2:9: other: expected \"drop\" or \"kernel\", found \"pass\"\n"},
    {"mss_word", "[[service]]\ntcp = \"192.0.2.1:80\"\nmss_clamp = \"path\"\n",
     "f:3:13: mss_clamp: expected an integer from 0 to 65495 or \"auto\", found \"path\"\n"},
    {"mss_too_small", "[[service]]\ntcp = \"192.0.2.1:80\"\nmss_clamp = 535\n",
     "f:3:13: mss_clamp: expected 0, \"auto\", or 536 to 65495 bytes\n"},
    {"mss_of_udp", "[[service]]\nudp = \"192.0.2.1:80\"\nmss_clamp = \"auto\"\n",
     "f:3:13: mss_clamp: only for tcp and fwmark services\n"},
    {"ftp_of_udp", "[[service]]\nudp = \"192.0.2.1:21\"\nftp = true\n",
     "f:3:7: ftp: only for tcp and fwmark services\n"},
    {"ftp_as_text", "[[service]]\ntcp = \"192.0.2.1:21\"\nftp = \"yes\"\n",
     "f:3:7: ftp: expected true or false, found a string\n"},
    {"ftp_third_party_of_sctp", "[[service]]\nsctp = \"192.0.2.1:21\"\nftp_third_party = true\n",
     "f:3:19: ftp_third_party: only for tcp and fwmark services\n"},
};
INSTANTIATE_TEST_SUITE_P(Masquerade, BadFiles, testing::ValuesIn(kMasquerade));

INSTANTIATE_TEST_SUITE_P(VsAndOptions, BadFiles, testing::ValuesIn(kVsAndOptions));

constexpr BadFile kMarks[] = {
    {"no_mark", "[[mark]]\nprotocol = \"tcp\"\n", "f:1:1: missing mark = NUMBER in [[mark]]\n"},
    {"mark_0", "[[mark]]\nmark = 0\n",
     "f:2:8: mark: expected an integer from 1 to 4294967295, found 0\n"},
    {"mark_protocol", "[[mark]]\nmark = 1\nprotocol = \"icmp\"\n",
     "f:3:12: protocol: expected \"tcp\", \"udp\" or \"sctp\", found \"icmp\"\n"},
    {"mark_network", "[[mark]]\nmark = 1\nsource = \"10.0.0.1/8\"\n",
     "f:3:10: source: expected \"ADDRESS\" or \"NETWORK/LENGTH\" without bits after the prefix, "
     "such as \"10.0.0.0/8\", found \"10.0.0.1/8\"\n"},
    {"mark_families", "[[mark]]\nmark = 1\nsource = \"10.0.0.1\"\ndestination = \"2001:db8::1\"\n",
     "f:4:15: destination: expected an IPv4 network, as the rule's family\n"},
    {"mark_family", "[[mark]]\nmark = 1\nsource = \"10.0.0.1\"\nfamily = \"ipv6\"\n",
     "f:3:10: source: expected an IPv6 network, as the rule's family\n"},
    {"mark_ports", "[[mark]]\nmark = 1\ndestination_ports = \"90-80\"\n",
     "f:3:21: destination_ports: expected \"PORT\" or \"FIRST-LAST\", such as \"8000-8999\", found "
     "\"90-80\"\n"},
    {"mark_interface", "[[mark]]\nmark = 1\ninterface = \"eth7\"\n",
     "f:3:13: interface: expected the name of an [[interface]] of this file, found \"eth7\"\n"},
    {"mark_key", "[[mark]]\nmark = 1\nsport = 80\n",
     "f:3:1: unknown key \"sport\" in [[mark]]: expected one of mark, protocol, source, "
     "destination, source_ports, destination_ports, interface, family\n"},
};
INSTANTIATE_TEST_SUITE_P(Marks, BadFiles, testing::ValuesIn(kMarks));

INSTANTIATE_TEST_SUITE_P(Syntax, BadFiles, testing::ValuesIn(kSyntax));

constexpr BadFile kKeys[] = {
    {"unknown_at_top", "[lgo]\nlevel = 1\n",
     "f:1:2: unknown key \"lgo\" in the file: did you mean \"log\"?\n"},
    {"unknown_near", "[[interface]]\nname = \"eth0\"\nrol = \"both\"\n",
     "f:3:1: unknown key \"rol\" in [[interface]]: did you mean \"role\"?\n"},
    {"unknown_far", "[timeouts]\nicmp_echo = 3\n",
     "f:2:1: unknown key \"icmp_echo\" in [timeouts]: expected one of tcp, tcp_fin, udp\n"},
    {"unknown_in_server",
     "[[service]]\ntcp = \"192.0.2.1:80\"\nservers = [{ address = \"10.0.0.1\", wieght = 2 }]\n",
     "f:3:36: unknown key \"wieght\" in a server: did you mean \"weight\"?\n"},
    {"table_for_array", "[service]\ntcp = \"192.0.2.1:80\"\n",
     "f:1:1: service: expected an array of tables, found a table\n"},
    {"array_of_numbers", "interface = [1]\n",
     "f:1:14: interface: expected a table, found an integer\n"},
    {"number_for_table", "log = 3\n", "f:1:7: log: expected a table, found an integer\n"},
    {"several", "[log]\nlevel = 3\n[timeouts]\nudp = 0\ntpc = 1\n",
     "f:2:9: level: expected \"error\", \"warning\", \"notice\", \"info\" or \"debug\", found an "
     "integer\n"
     "f:4:7: udp: expected an integer from 1 to 2678400, found 0\n"
     "f:5:1: unknown key \"tpc\" in [timeouts]: did you mean \"tcp\"?\n"},
};
INSTANTIATE_TEST_SUITE_P(Keys, BadFiles, testing::ValuesIn(kKeys));

constexpr BadFile kInterfaces[] = {
    {"no_name", "[[interface]]\nrole = \"both\"\n",
     "f:1:1: missing name = \"INTERFACE\" in [[interface]]\n"},
    {"name_type", "[[interface]]\nname = 7\n",
     "f:2:8: name: expected a string, found an integer\n"},
    {"name_long", "[[interface]]\nname = \"interface0123456\"\n",
     "f:2:8: name: expected an interface name of 1 to 15 characters, found \"interface0123456\"\n"},
    {"role", "[[interface]]\nname = \"a\"\nrole = \"outside\"\n",
     "f:3:8: role: expected \"external\", \"internal\" or \"both\", found \"outside\"\n"},
    {"packet_buffers", "[[interface]]\nname = \"a\"\npacket_buffers = 1000\n",
     "f:3:18: packet_buffers: expected an integer from 1024 to 16777216, found 1000\n"},
    {"twice", "[[interface]]\nname = \"a\"\n[[interface]]\nname = \"a\"\n",
     "f:4:8: duplicate interface \"a\": first given at line 2\n"},
    {"device_missing", "[[interface]]\nname = \"a\"\nattach = \"device\"\n",
     "f:1:1: missing device = \"DPDK DEVICE STRING\", which attach = \"device\" needs, in "
     "[[interface]]\n"},
    {"device_of_af_xdp", "[[interface]]\nname = \"a\"\ndevice = \"net_null0\"\naddresses = []\n",
     "f:3:10: device: only with attach = \"device\"\nf:4:13: addresses: only with attach = "
     "\"device\"\n"},
    {"bad_address",
     "[[interface]]\nname = \"a\"\nattach = \"device\"\ndevice = \"net_null0\"\naddresses = "
     "[\"10.0.0.1/24\", \"10.0.0.1/33\"]\n",
     "f:5:29: addresses: expected \"ADDRESS/LENGTH\", such as \"10.0.0.1/24\", found "
     "\"10.0.0.1/33\"\n"},
    {"pci_missing", "[[interface]]\nname = \"wan0\"\nattach = \"pci\"\n",
     "f:1:1: missing pci = \"PCI ADDRESS\", which attach = \"pci\" needs, in [[interface]]\n"},
    {"pci_address", "[[interface]]\nname = \"wan0\"\nattach = \"pci\"\npci = \"03:00.0\"\n",
     "f:4:7: pci: expected a PCI address as `lspci -D` writes it, such as \"0000:03:00.0\", found "
     "\"03:00.0\"\n"},
    {"pci_twice",
     "[[interface]]\nname = \"wan0\"\nattach = \"pci\"\npci = \"0000:03:00.0\"\n"
     "[[interface]]\nname = \"wan1\"\nattach = \"pci\"\npci = \"0000:03:00.0\"\n",
     "f:8:7: duplicate PCI device \"0000:03:00.0\": first given at line 4\n"},
    {"pci_elsewhere", "[[interface]]\nname = \"a\"\npci = \"0000:03:00.0\"\nexception = \"wan0\"\n",
     "f:3:7: pci: only with attach = \"pci\"\n"
     "f:4:13: exception: only with attach = \"device\"; with \"pci\" it is the name\n"},
    {"exception_and_addresses",
     "[[interface]]\nname = \"a\"\nattach = \"device\"\ndevice = \"net_null0\"\nexception = \"a "
     "b\"\n"
     "addresses = []\n[[neighbour]]\naddress = \"10.0.0.1\"\nmac = \"02:00:00:00:00:01\"\n"
     "interface = \"a\"\n",
     "f:5:13: exception: expected an interface name of 1 to 15 characters, found \"a b\"\n"
     "f:6:13: addresses: with exception, they are those that Linux has there\n"
     "f:10:13: interface: expected one with attach = \"device\"; for others the kernel's "
     "neighbours "
     "and routes are used\n"},
    {"neighbour",
     "[[interface]]\nname = \"a\"\n[[neighbour]]\naddress = \"10.0.0\"\nmac = "
     "\"2:0:0:0:0:1\"\ninterface = \"a\"\n",
     "f:4:11: address: expected an IPv4 or IPv6 address, found \"10.0.0\"\n"
     "f:5:7: mac: expected a MAC address, such as \"02:00:00:00:00:01\", found \"2:0:0:0:0:1\"\n"
     "f:6:13: interface: expected one with attach = \"device\"; for others the kernel's neighbours "
     "and routes are used\n"},
    {"route", "[[route]]\ndestination = \"10.0.0.1/8\"\nvia = \"2001:db8::1\"\ninterface = \"b\"\n",
     "f:2:15: destination: expected no bits after the prefix, \"10.0.0.0/8\"\n"
     "f:3:7: via: expected an address of the destination's family\n"
     "f:4:13: interface: expected the name of an [[interface]] of this file, found \"b\"\n"},
    {"empty_neighbour", "[[neighbour]]\n",
     "f:1:1: missing address = \"ADDRESS\" in [[neighbour]]\nf:1:1: missing mac = \"MAC ADDRESS\" "
     "in [[neighbour]]\n"
     "f:1:1: missing interface = \"INTERFACE\" in [[neighbour]]\n"},
    {"no_queues", "[[interface]]\nname = \"a\"\nqueues = 0\n",
     "f:3:10: queues: expected an integer from 1 to 64, found 0\n"},
    {"vlan_without_parent", "[[interface]]\nname = \"a\"\nvlan = 10\n",
     "f:3:8: parent and vlan: expected both or neither; of a VLAN device of Linux's, both are "
     "known\n"},
    {"vlan_with_what_is_its_parents",
     "[[interface]]\nname = \"a\"\nparent = \"b\"\nvlan = 10\nxdp = \"native\"\n",
     "f:5:7: xdp: that is the parent's\n"},
    {"xdp_of_a_device",
     "[[interface]]\nname = \"a\"\nattach = \"device\"\ndevice = \"net_null0\"\nxdp = \"native\"\n"
     "zero_copy = \"off\"\n",
     "f:5:7: xdp: only with attach = \"af_xdp\"\n"
     "f:6:13: zero_copy: only with attach = \"af_xdp\"\n"},
    {"generic_zero_copy", "[[interface]]\nname = \"a\"\nxdp = \"generic\"\nzero_copy = \"on\"\n",
     "f:4:13: zero_copy: generic XDP always copies; expected \"auto\" or \"off\"\n"},
};
INSTANTIATE_TEST_SUITE_P(Interfaces, BadFiles, testing::ValuesIn(kInterfaces));

constexpr BadFile kSettings[] = {
    {"cores_type", "[workers]\ncores = 1\n", "f:2:9: cores: expected an array, found an integer\n"},
    {"core_range", "[workers]\ncores = [-1, 1024]\n",
     "f:2:10: cores: expected an integer from 0 to 1023, found -1\n"
     "f:2:14: cores: expected an integer from 0 to 1023, found 1024\n"},
    {"core_twice", "[workers]\ncores = [1, 2, 1]\n",
     "f:2:16: duplicate core 1: one worker a core\n"},
    {"idle_word", "[workers]\nidle = \"nap\"\n",
     "f:2:8: idle: expected \"spin\" or \"sleep\", found \"nap\"\n"},
    {"spread_type", "[workers]\nspread = 1\n",
     "f:2:10: spread: expected true or false, found an integer\n"},
    {"fragments_none", "[fragments]\ndatagrams = 0\n",
     "f:2:13: datagrams: expected an integer from 1 to 65536, found 0\n"},
    {"fragments_held", "[fragments]\nheld = 65537\n",
     "f:2:8: held: expected an integer from 0 to 65536, found 65537\n"},
    {"fragments_time", "[fragments]\ntimeout = 601\n",
     "f:2:11: timeout: expected an integer from 1 to 600, found 601\n"},
    {"bits_low", "[table]\nconnection_table_bits = 7\n",
     "f:2:25: connection_table_bits: expected an integer from 8 to 27, found 7\n"},
    {"bits_high", "[table]\nconnection_table_bits = 28\n",
     "f:2:25: connection_table_bits: expected an integer from 8 to 27, found 28\n"},
    {"bits_float", "[table]\nconnection_table_bits = 20.0\n",
     "f:2:25: connection_table_bits: expected an integer from 8 to 27, found a floating-point "
     "number\n"},
    {"socket", "[control]\nsocket = \"usher.sock\"\ngroup = \"\"\n",
     "f:2:10: socket: expected an absolute path of at most 107 bytes, found \"usher.sock\"\n"
     "f:3:9: group: expected the name of a group\n"},
    {"debug", "[log]\ndebug = [\"drop\", \"drops\", \"drop\"]\n",
     "f:2:18: debug: expected \"schedule\", \"state\", \"table\", \"drop\", \"neighbour\" or "
     "\"control\", found \"drops\"\n"
     "f:2:27: debug: given twice\n"},
};
INSTANTIATE_TEST_SUITE_P(Settings, BadFiles, testing::ValuesIn(kSettings));

constexpr BadFile kServices[] = {
    {"no_name", "[[service]]\nscheduler = \"rr\"\n",
     "f:1:1: missing tcp = \"ADDRESS:PORT\" (or udp, sctp, or fwmark = MARK) in [[service]]\n"},
    {"two_names", "[[service]]\ntcp = \"192.0.2.1:80\"\nfwmark = 1\n",
     "f:3:10: fwmark: expected one of tcp, udp, sctp and fwmark; tcp is also given\n"},
    {"no_port", "[[service]]\ntcp = \"192.0.2.1\"\n",
     "f:2:7: tcp: expected \"ADDRESS:PORT\" or \"[IPV6 ADDRESS]:PORT\", found \"192.0.2.1\"\n"},
    {"bad_address", "[[service]]\nudp = \"192.0.2.256:53\"\n",
     "f:2:7: udp: expected \"ADDRESS:PORT\" or \"[IPV6 ADDRESS]:PORT\", found "
     "\"192.0.2.256:53\"\n"},
    {"bad_port", "[[service]]\nudp = \"192.0.2.1:65536\"\n",
     "f:2:7: udp: expected \"ADDRESS:PORT\" or \"[IPV6 ADDRESS]:PORT\", found "
     "\"192.0.2.1:65536\"\n"},
    {"port_0", "[[service]]\ntcp = \"192.0.2.1:0\"\n",
     "f:2:7: tcp: port 0 (all ports) needs persistence; expected a port from 1 to 65535, or "
     "persistence = SECONDS\n"},
    {"mark_0", "[[service]]\nfwmark = 0\n",
     "f:2:10: fwmark: expected an integer from 1 to 4294967295, found 0\n"},
    {"family_of_address", "[[service]]\ntcp = \"192.0.2.1:80\"\nfamily = \"ipv4\"\n",
     "f:3:10: family: only with fwmark; an address tells its own\n"},
    {"twice",
     "[[service]]\ntcp = \"192.0.2.1:80\"\n[[service]]\nudp = \"192.0.2.1:80\"\n[[service]]\ntcp = "
     "\"192.0.2.1:80\"\n",
     "f:6:7: duplicate service TCP 192.0.2.1:80: first given at line 2\n"},
    {"scheduler", "[[service]]\ntcp = \"192.0.2.1:80\"\nscheduler = \"\"\n",
     "f:3:13: scheduler: expected the name of a scheduler, 1 to 15 characters\n"},
    {"one_packet", "[[service]]\ntcp = \"192.0.2.1:80\"\nflags = [\"one-packet\"]\n",
     "f:3:9: flags: \"one-packet\" is only for udp and fwmark services\n"},
    {"flag_twice", "[[service]]\ntcp = \"192.0.2.1:80\"\nflags = [\"sh-port\", \"mh-port\"]\n",
     "f:3:21: flags: given twice\n"},
    {"persistence",
     "[[service]]\ntcp = \"192.0.2.1:80\"\npersistence = true\npersistence_bits = 33\n",
     "f:3:15: persistence: expected an integer from 0 to 2678400, found a boolean\n"
     "f:4:20: persistence_bits: expected an integer from 0 to 32, found 33\n"},
    {"persistence_ipv6", "[[service]]\ntcp = \"[2001:db8::1]:80\"\npersistence_bits = 0\n",
     "f:3:20: persistence_bits: expected an integer from 1 to 128, found 0\n"},
};
INSTANTIATE_TEST_SUITE_P(Services, BadFiles, testing::ValuesIn(kServices));

constexpr BadFile kServers[] = {
    {"no_address", "[[service]]\ntcp = \"192.0.2.1:80\"\nservers = [{ weight = 1 }]\n",
     "f:3:12: missing address = \"ADDRESS:PORT\" in a server\n"},
    {"text", "[[service]]\ntcp = \"192.0.2.1:80\"\nservers = [\"10.0.0.1:80\"]\n",
     "f:3:12: servers: expected a table, found a string\n"},
    {"bad_address", "[[service]]\ntcp = \"192.0.2.1:80\"\nservers = [{ address = \"web1:80\" }]\n",
     "f:3:24: address: expected \"ADDRESS\" or \"ADDRESS:PORT\", found \"web1:80\"\n"},
    {"twice",
     "[[service]]\ntcp = \"192.0.2.1:80\"\nservers = [{ address = \"10.0.0.1:80\" },\n { address = "
     "\"10.0.0.1\" }]\n",
     "f:4:14: duplicate server 10.0.0.1:80: first given at 3:24\n"},
    {"family",
     "[[service]]\ntcp = \"192.0.2.1:80\"\nservers = [{ address = \"[2001:db8::1]:80\" }]\n",
     "f:3:24: address: expected an IPv4 address, as the service's; only forwarding = \"tunnel\" "
     "may mix families\n"},
    {"multicast",
     "[[service]]\ntcp = \"192.0.2.1:80\"\nservers = [{ address = \"224.0.0.1:80\" }]\n",
     "f:3:24: address: expected a unicast address that can be routed, found 224.0.0.1\n"},
    {"weight",
     "[[service]]\ntcp = \"192.0.2.1:80\"\nservers = [{ address = \"10.0.0.1\", weight = -1 }, { "
     "address = \"10.0.0.2\", weight = 2147483648 }]\n",
     "f:3:45: weight: expected an integer from 0 to 2147483647, found -1\n"
     "f:3:84: weight: expected an integer from 0 to 2147483647, found 2147483648\n"},
    {"thresholds",
     "[[service]]\ntcp = \"192.0.2.1:80\"\nservers = [{ address = \"10.0.0.1\", upper_threshold = "
     "5, lower_threshold = 6 }]\n",
     "f:3:75: lower_threshold: expected at most upper_threshold, 5; found 6\n"},
    {"forwarding",
     "[[service]]\ntcp = \"192.0.2.1:80\"\nservers = [{ address = \"10.0.0.1\", forwarding = "
     "\"nat\" }]\n",
     "f:3:49: forwarding: expected \"masquerade\", \"local\", \"tunnel\" or \"route\", found "
     "\"nat\"\n"},
    {"tunnel_of_nat",
     "[[service]]\ntcp = \"192.0.2.1:80\"\nservers = [{ address = \"10.0.0.1\", tunnel = \"gre\" "
     "}]\n",
     "f:3:45: tunnel: only with forwarding = \"tunnel\"\n"},
    {"gue_without_port",
     "[[service]]\ntcp = \"192.0.2.1:80\"\nservers = [{ address = \"10.0.0.1\", forwarding = "
     "\"tunnel\", tunnel = \"gue\" }]\n",
     "f:3:68: tunnel: \"gue\" needs tunnel_port, the UDP port that the server listens on\n"},
};
INSTANTIATE_TEST_SUITE_P(Servers, BadFiles, testing::ValuesIn(kServers));

TEST(UnreadableFile, is_an_error_without_position) {
    const ConfigResult result = read_config("/nonexistent/usher.toml");
    ASSERT_FALSE(result);
    EXPECT_EQ(to_string(result.error()),
              "/nonexistent/usher.toml: cannot be read: No such file or directory\n");
}

TEST(UnreadableFile, may_be_a_directory) {
    const ConfigResult result = read_config("/");
    ASSERT_FALSE(result);
    EXPECT_EQ(to_string(result.error()), "/: cannot be read: Is a directory\n");
}

TEST(HugeFile, is_refused) {
    const ConfigResult result = parse_config(std::string(kMaxConfigBytes + 1, '\n'), "f");
    ASSERT_FALSE(result);
    EXPECT_EQ(to_string(result.error()), "f: larger than 64 MiB\n");
}

TEST(HugeFile, read_endlessly_is_refused) {
    const ConfigResult result = read_config("/dev/zero");
    ASSERT_FALSE(result);
    EXPECT_EQ(to_string(result.error()), "/dev/zero: larger than 64 MiB\n");
}

// toml++ would overflow the stack when it destroys a million nested tables.
TEST(DeepKey, is_refused) {
    std::string text = "[log]\na";
    for (int i = 0; i < 1'000'000; ++i)
        text += ".a";
    const ConfigResult result = parse_config(text + " = 1\n", "f");
    ASSERT_FALSE(result);
    EXPECT_EQ(to_string(result.error()), "f:2:514: expected a key of at most 256 parts\n");
}

TEST(NonsenseFile, is_not_reported_without_end) {
    std::string text = "[log]\n";
    for (int i = 0; i < 5000; ++i)
        text += "nonsense" + std::to_string(i) + " = 1\n";
    const ConfigResult result = parse_config(text, "f");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().size(), ConfigErrors::kMaxErrors);
}

}  // namespace
}  // namespace usher
