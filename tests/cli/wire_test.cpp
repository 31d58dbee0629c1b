// SPDX-License-Identifier: BSD-3-Clause
#include "control/wire.hpp"

#include <gtest/gtest.h>

namespace usher {
namespace {

template <class T>
std::string error_of(const Result<T>& result) {
    if (result) return "none";
    return std::string(errc_name(result.error().code)) + " " + result.error().message;
}

TEST(Wire, ValuesComeBack) {
    for (const ServiceKey& key :
         {ServiceKey{0, Protocol::tcp, *IpAddress::parse("192.0.2.1"), 80},
          ServiceKey{0, Protocol::sctp, *IpAddress::parse("2001:db8::1"), 0},
          ServiceKey{7, Protocol::ip, IpAddress(), 0},
          ServiceKey{4294967295U, Protocol::ip, *IpAddress::parse("::"), 0}})
        EXPECT_EQ(read_service_key(to_wire(key)), key);
    const ServerOptions server{Forwarding::tunnel, 2147483647, 9, 3, TunnelType::gue, 6080, 2};
    EXPECT_EQ(read_server_options(to_wire(server)), server);
    const ServiceOptions service{"sh", 0x3c, 2678400, 64, "sip"};
    EXPECT_EQ(read_service_options(to_wire(service), Family::ipv6), service);
    EXPECT_EQ(read_service_options(Json::object(), Family::ipv6)->persistence_bits, 128);
}

TEST(Wire, ListingsComeBack) {
    ServiceListing listing{"1.2.1", 1048576, {}};
    listing.services.push_back({{}, {}, {1, 2, 3, 4, 5}, {6, 7, 8, 9, 18446744073709551615U}, {}});
    listing.services[0].servers.push_back({{}, {}, 1, 2, 3, {4, 5, 6, 7, 8}, {}});
    EXPECT_EQ(read_service_listing(to_wire(listing)), listing);
    const std::vector<ConnectionRow> rows = {{Protocol::udp, "UDP", 300, {}, {}, {}}};
    EXPECT_EQ(read_connections(to_wire_array(rows)), rows);
}

TEST(Wire, WhatIsWrongIsNamed) {
    EXPECT_EQ(error_of(read_service_key(Json::parse(R"({"protocol":"tcp"})"))),
              "EPROTO service: 'address' is missing");
    EXPECT_EQ(error_of(read_service_key(
                  Json::parse(R"({"protocol":"tcp","address":"1.1.1.1","port":65536})"))),
              "EINVAL service: 'port' must be from 0 to 65535");
    EXPECT_EQ(error_of(read_service_key(
                  Json::parse(R"({"protocol":"tcp","address":"1.1.1.1","port":80,"x":1})"))),
              "EPROTO service: unknown member 'x'");
    EXPECT_EQ(error_of(read_server_options(Json::parse(R"({"weight":"2"})"))),
              "EPROTO options: 'weight' must be an integer");
    EXPECT_EQ(error_of(read_server_options(Json::parse(R"({"weight":-1})"))),
              "EINVAL options: 'weight' must be from 0 to 2147483647");
    EXPECT_EQ(error_of(read_server_options(Json::parse(R"({"tunnel":"vxlan"})"))),
              R"(EINVAL options: 'tunnel' must be one of "ipip", "gue", "gre")");
    EXPECT_EQ(error_of(read_server_key(Json::parse("[]"))), "EPROTO server: not an object");
    EXPECT_EQ(error_of(read_service_options(Json::parse(R"({"flags":1})"), Family::ipv4)),
              "EINVAL options: 'flags' has bits outside 0x3c");
}

TEST(Wire, Messages) {
    EXPECT_EQ(read_request(R"({"command":"x","a":1})")->members.dump(), R"({"a":1})");
    for (const char* line : {"", "{", "[]", "{}", R"({"command":1})", "\xff"})
        EXPECT_EQ(read_request(line).error().code, Errc::protocol) << line;
    const auto reply = read_reply(failure_line({Errc::exists, "bad \xff bytes"}, 3));
    EXPECT_EQ(reply->error.code, Errc::exists);
    EXPECT_EQ(reply->index, 3U);
    EXPECT_FALSE(read_reply(R"({"ok":false})"));
}

}  // namespace
}  // namespace usher
