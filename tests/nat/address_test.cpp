// SPDX-License-Identifier: BSD-3-Clause
#include "nat/address.hpp"

#include <gtest/gtest.h>

namespace usher {
namespace {

IpAddress ip(const char* text) {
    const auto address = IpAddress::parse(text);
    EXPECT_TRUE(address) << text;
    return address.value_or(IpAddress{});
}

TEST(IpAddress, reads_and_writes_canonical_text) {
    for (const char* text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1",
                             "fe80::1", "2001:db8:0:1:1:1:1:1"})
        EXPECT_EQ(ip(text).to_string(), text);
    EXPECT_EQ(ip("2001:DB8:0:0:0:0:0:1").to_string(), "2001:db8::1");
    EXPECT_EQ(ip("::ffff:192.0.2.1").family(), Family::ipv6);
}

TEST(IpAddress, is_strict) {
    using namespace std::string_view_literals;
    for (const auto text :
         {""sv, "1.2.3"sv, "1.2.3.4.5"sv, "010.1.1.1"sv, "1.2.3.256"sv, " 1.2.3.4"sv, "1.2.3.4 "sv,
          "1.2.3.4\0"sv, "0x7f.0.0.1"sv, "[::1]"sv, "fe80::1%eth0"sv, "1::2::3"sv, ":::"sv,
          "12345::"sv, "localhost"sv, "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa"sv})
        EXPECT_FALSE(IpAddress::parse(text)) << text;
}

TEST(IpAddress, keeps_network_order) {
    const IpAddress address = ip("192.0.2.1");
    EXPECT_EQ(address.bytes()[0], 192);
    EXPECT_EQ(address.bytes()[3], 1);
    EXPECT_EQ(address.v4().host(), 0xc0000201U);
    EXPECT_EQ(IpAddress(Be32::from_host(0xc0000201U)), address);
}

TEST(IpAddress, sorts_by_family_and_unsigned_bytes) {
    EXPECT_LT(ip("10.2.0.11"), ip("172.31.1.2"));
    EXPECT_LT(ip("255.255.255.255"), ip("::"));
    EXPECT_LT(ip("2001:db8::1"), ip("fd00::1"));
}

TEST(IpAddress, knows_its_kind) {
    EXPECT_TRUE(ip("::").is_unspecified());
    EXPECT_TRUE(ip("0.0.0.0").is_unspecified());
    EXPECT_TRUE(ip("224.0.0.1").is_multicast());
    EXPECT_TRUE(ip("239.255.255.255").is_multicast());
    EXPECT_FALSE(ip("240.0.0.1").is_multicast());
    EXPECT_TRUE(ip("ff02::1").is_multicast());
    EXPECT_TRUE(ip("255.255.255.255").is_broadcast());
    EXPECT_FALSE(ip("255.255.255.254").is_broadcast());
    EXPECT_TRUE(ip("169.254.1.1").is_link_local());
    EXPECT_TRUE(ip("febf::1").is_link_local());
    EXPECT_FALSE(ip("fec0::1").is_link_local());
    EXPECT_TRUE(ip("127.1.2.3").is_loopback());
    EXPECT_TRUE(ip("::1").is_loopback());
    EXPECT_FALSE(ip("::2").is_loopback());
}

TEST(Prefix, clears_host_bits) {
    EXPECT_EQ(Prefix::of(ip("10.1.2.3"), 8).to_string(), "10.0.0.0/8");
    EXPECT_EQ(Prefix::of(ip("10.1.2.255"), 25).to_string(), "10.1.2.128/25");
    EXPECT_EQ(Prefix::of(ip("10.1.2.3"), 32).to_string(), "10.1.2.3/32");
    EXPECT_EQ(Prefix::of(ip("10.1.2.3"), 0).to_string(), "0.0.0.0/0");
    EXPECT_EQ(Prefix::of(ip("2001:db8:ffff::1"), 35).to_string(), "2001:db8:e000::/35");
}

TEST(Prefix, contains_its_own_family_only) {
    const Prefix net = Prefix::of(ip("10.0.0.0"), 8);
    EXPECT_TRUE(net.contains(ip("10.255.255.255")));
    EXPECT_FALSE(net.contains(ip("11.0.0.0")));
    EXPECT_FALSE(net.contains(ip("a00::")));
    EXPECT_TRUE(Prefix::of(ip("::"), 0).contains(ip("2001:db8::1")));
    EXPECT_FALSE(Prefix::of(ip("::"), 0).contains(ip("192.0.2.1")));
}

TEST(Endpoint, brackets_ipv6) {
    EXPECT_EQ(endpoint_text(ip("192.0.2.1"), 80), "192.0.2.1:80");
    EXPECT_EQ(endpoint_text(ip("2001:db8::1"), 0), "[2001:db8::1]:0");
}

TEST(MacAddress, reads_and_writes) {
    EXPECT_EQ(MacAddress::parse("02:00:5E:ab:cd:ef")->to_string(), "02:00:5e:ab:cd:ef");
    for (const char* text :
         {"", "02:00:00:00:00", "02:00:00:00:00:1", "02-00-00-00-00-01", "02:00:00:00:00:0g",
          "02:00:00:00:00:011", "0x:00:00:00:00:01", "-2:00:00:00:00:01"})
        EXPECT_FALSE(MacAddress::parse(text)) << text;
}

TEST(Protocol, names) {
    EXPECT_EQ(protocol_name(Protocol::tcp), "TCP");
    EXPECT_EQ(protocol_name(Protocol::udp), "UDP");
    EXPECT_EQ(protocol_name(Protocol::sctp), "SCTP");
}

}  // namespace
}  // namespace usher
