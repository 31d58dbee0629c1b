// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cli/address_text.hpp"

#include <gtest/gtest.h>

#include "tests/cli/test_names.hpp"

namespace usher {
namespace {

// "address port", "address -" without a port, or "illegal".
std::string read(const std::string& text) {
    const NameResolver names = test_resolver();
    const auto endpoint = parse_endpoint(text, Protocol::tcp, names);
    if (!endpoint) return "illegal";
    return endpoint->address.to_string() + " " +
           (endpoint->port ? std::to_string(*endpoint->port) : "-");
}

TEST(AddressText, ReadsWhatIpvsadmReads) {
    EXPECT_EQ(read("10.9.0.1:80"), "10.9.0.1 80");
    EXPECT_EQ(read("10.9.0.1"), "10.9.0.1 -");
    EXPECT_EQ(read("10.9.0.1:http"), "10.9.0.1 80");
    EXPECT_EQ(read("web.test:80"), "10.2.0.11 80");
    EXPECT_EQ(read("010.1.1.1:80"), "8.1.1.1 80");
    EXPECT_EQ(read("1.2:80"), "1.0.0.2 80");
    EXPECT_EQ(read("999:80"), "0.0.3.231 80");
    EXPECT_EQ(read("1.2.3.4:+80"), "1.2.3.4 80");
    EXPECT_EQ(read("1.2.3.4:010"), "1.2.3.4 10");
    EXPECT_EQ(read("fd00::1"), "fd00::1 -");
    EXPECT_EQ(read("[fd00::1]:80"), "fd00::1 80");
}

TEST(AddressText, RefusesWhatIpvsadmRefuses) {
    for (const char* text :
         {"", "80", ":80", "10.9.0.300:80", "10.9.0.1:99999", "10.9.0.1:", "10.9.0.1:-1",
          "1.2.3.4:nosuch", "1.2.3.4:80:90", "1.2.3.4:0x50", "[fd00::1]", "[fd00::1]80",
          "[fd00::1]:", " 1.2.3.4:80", "fe80::1%lo", "nosuch.test:80", "1.2.3.4:65536"})
        EXPECT_EQ(read(text), "illegal") << text;
    EXPECT_EQ(read(std::string("10.9.0.1\0:80", 12)), "illegal");
}

TEST(AddressText, MasksAreLengths) {
    const NameResolver names = test_resolver();
    EXPECT_EQ(parse_ipv4_mask("255.255.255.0", names), 24);
    EXPECT_EQ(parse_ipv4_mask("0.0.0.0", names), 0);
    EXPECT_EQ(parse_ipv4_mask("255.255.255.255", names), 32);
    EXPECT_EQ(parse_ipv4_mask("33", names), std::nullopt);  // 0.0.0.33
    EXPECT_EQ(parse_ipv4_mask("999.0.0.0", names), std::nullopt);
}

TEST(AddressText, NumbersAreDecimalAndWhole) {
    EXPECT_EQ(parse_number("+5", 0, 9), 5U);
    EXPECT_EQ(parse_number("00", 0, 9), 0U);
    for (const char* text : {"", "5a", "0x5", "-1", "10", "18446744073709551621"})
        EXPECT_EQ(parse_number(text, 0, 9), std::nullopt) << text;
}

}  // namespace
}  // namespace usher
