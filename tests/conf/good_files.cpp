// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "conf/endpoint.hpp"
#include "conf/masquerade.hpp"
#include "conf/nearest.hpp"
#include "conf/read.hpp"
#include "conf/write.hpp"

namespace usher {
namespace {

std::string example(const std::string& name) {
    return std::string(USHER_SOURCE_DIR) + "/conf/examples/" + name;
}

std::string every_key() {
    return std::string(USHER_SOURCE_DIR) + "/tests/conf/every_key.toml";
}

ReadConfig good(const ConfigResult& result) {
    EXPECT_TRUE(result.has_value()) << to_string(result.error());
    return result.value_or(ReadConfig{});
}

TEST(GoodFiles, empty_is_all_defaults) {
    EXPECT_EQ(good(parse_config("", "f")).config, Config{});
}

TEST(GoodFiles, two_interfaces_and_a_service_in_ten_lines) {
    const Config config = good(read_config(example("minimal.toml"))).config;
    ASSERT_EQ(config.interfaces.size(), 2U);
    InterfaceConfig interface;
    interface.name = "eth0";
    interface.role = Role::external;
    EXPECT_EQ(config.interfaces[0], interface);
    interface.name = "eth1";
    interface.role = Role::internal;
    EXPECT_EQ(config.interfaces[1], interface);
    ASSERT_EQ(config.services.size(), 1U);
    const ServiceConfig& service = config.services[0];
    EXPECT_EQ(service.key.to_string(), "TCP 203.0.113.10:80");
    EXPECT_EQ(service.options, ServiceOptions{});
    ASSERT_EQ(service.servers.size(), 2U);
    EXPECT_EQ(service.servers[1].key.to_string(), "10.0.0.101:80");
    EXPECT_EQ(service.servers[1].options.weight, 2U);
}

TEST(GoodFiles, every_example_reads_and_survives_writing) {
    int examples = 0;
    for (const auto& entry : std::filesystem::directory_iterator(example(""))) {
        const Config config = good(read_config(entry.path())).config;
        EXPECT_EQ(good(parse_config(write_config(config), "written")).config, config) << entry;
        ++examples;
    }
    EXPECT_GE(examples, 3);
    const Config config = good(read_config(every_key())).config;
    EXPECT_EQ(good(parse_config(write_config(config), "written")).config, config);
}

TEST(GoodFiles, settings_and_marks_are_read) {
    const Config config = good(read_config(every_key())).config;
    EXPECT_EQ(config.vs.conn_reuse_mode, 0U);
    EXPECT_EQ(config.vs.drop_packet, 3U);
    EXPECT_EQ(config.vs.am_droprate, 20U);
    EXPECT_EQ(config.vs.lblc_expiration, 3600U);
    EXPECT_EQ(config.vs.secure_tcp, 0U);  // not in the file
    ASSERT_EQ(config.marks.size(), 3U);
    const MarkRule& web = config.marks[0];
    EXPECT_EQ(web.mark, 7U);
    EXPECT_EQ(web.protocol, Protocol::tcp);
    EXPECT_EQ(web.source->to_string(), "198.51.100.0/24");
    EXPECT_EQ(web.destination->to_string(), "203.0.113.10/32");
    EXPECT_EQ(web.source_ports, (PortRange{1024, 65535}));
    EXPECT_EQ(web.destination_ports, (PortRange{80, 80}));
    EXPECT_EQ(web.interface, "eth0");
    EXPECT_EQ(config.marks[1].family, Family::ipv6);  // told by the destination
    EXPECT_FALSE(config.marks[1].protocol);
    EXPECT_EQ(config.marks[1].destination_ports, PortRange{});
    EXPECT_EQ(config.marks[2].family, Family::ipv6);  // told by "family"
    EXPECT_EQ(config.services[0].options.idle_timeout, 3600U);
    EXPECT_EQ(config.services[0].options.slow_start, 30U);
}

TEST(GoodFiles, masquerading_is_read) {
    const Config config = good(read_config(every_key())).config;
    ASSERT_EQ(config.masquerade.size(), 2U);
    const MasqueradeRule& rule = config.masquerade[0];
    ASSERT_EQ(rule.inside.size(), 2U);
    EXPECT_EQ(rule.inside[0].to_string(), "10.0.0.0/24");
    EXPECT_EQ(rule.inside[1].to_string(), "fd00:2::/64");
    ASSERT_EQ(rule.outside.size(), 3U);
    EXPECT_EQ(address_range_text(rule.outside[0]), "203.0.113.20");
    EXPECT_EQ(address_range_text(rule.outside[1]), "203.0.113.22-203.0.113.24");
    EXPECT_EQ(addresses_of(rule.outside[1]).at(1).to_string(), "203.0.113.23");
    EXPECT_EQ(rule.ports, (PortRange{1024, 65535}));
    EXPECT_TRUE(config.masquerade[1].outside.empty());
    EXPECT_FALSE(config.masquerade[1].ports);
    EXPECT_EQ(config.other, OtherTraffic::kernel);
    EXPECT_EQ(Config{}.other, OtherTraffic::drop);
    EXPECT_EQ(config.services[0].options.mss_clamp, kMssAuto);
    EXPECT_EQ(config.services[0].options.ftp, true);
    EXPECT_TRUE(config.services[0].options.ftp_third_party);
    EXPECT_EQ(config.services[1].options.ftp, std::nullopt);
}

TEST(AddressRange, forms) {
    const auto addresses = [](const char* text) {
        return addresses_of(parse_address_range(text).value()).size();
    };
    EXPECT_EQ(addresses("203.0.113.255"), 1U);
    EXPECT_EQ(addresses("203.0.113.250-203.0.114.5"), 12U);
    EXPECT_EQ(addresses("2001:db8::fffe-2001:db8::1:1"), 4U);
    EXPECT_EQ(addresses("10.0.0.0-10.0.0.223"), kMaxOutsideAddresses);
    for (const char* bad :
         {"", "-", "10.0.0.1-", "-10.0.0.1", "10.0.0.2-10.0.0.1", "10.0.0.1-2001:db8::1",
          "10.0.0.0-10.0.0.224", "10.0.0.0-10.0.0.1-", "10.0.0.1/32", "0.0.0.0-255.255.255.255"})
        EXPECT_FALSE(parse_address_range(bad)) << bad;
}

TEST(GoodFiles, every_key_is_read) {
    const Config config = good(read_config(every_key())).config;
    EXPECT_EQ(config.interfaces.at(0).packet_buffers, 32768U);
    EXPECT_EQ(config.interfaces.at(2).attach, AttachKind::pci);
    EXPECT_EQ(config.interfaces.at(2).pci, "0000:03:00.0");
    EXPECT_EQ(config.interfaces.at(2).exception_name(), "wan0");
    EXPECT_EQ(config.interfaces.at(3).exception_name(), "wan1");
    EXPECT_EQ(config.interfaces.at(4).attach, AttachKind::device);
    EXPECT_EQ(config.interfaces.at(4).exception_name(), "");
    EXPECT_EQ(config.neighbours.at(0).mac.to_string(), "02:00:00:00:00:02");
    EXPECT_EQ(config.routes.at(0).destination.to_string(), "10.10.0.0/16");
    EXPECT_EQ(config.worker_cores, std::vector<unsigned>{1});
    EXPECT_EQ(config.idle, Idle::spin);
    EXPECT_TRUE(config.spread);
    EXPECT_EQ(config.interfaces.at(0).queues, 4);
    EXPECT_EQ(config.interfaces.at(0).xdp, XdpMode::native);
    EXPECT_EQ(config.interfaces.at(0).zero_copy, ZeroCopy::off);
    EXPECT_EQ(config.log.debug, kDebugSchedule | kDebugDrop);
    EXPECT_EQ(config.services.at(1).options.persistence_bits, 24);
    EXPECT_EQ(config.services.at(2).options.flags, kFlagOnePacket | kFlagSched1 | kFlagSched2);
    EXPECT_EQ(config.services.at(3).options.persistence_bits, 128);
    EXPECT_EQ(config.services.at(4).key.to_string(), "FWM 7 IPv6");
    EXPECT_EQ(config.services.at(4).servers.at(1).options.tunnel_port, 6080);
}

TEST(GoodFiles, a_server_without_port_has_the_services) {
    const Config config = good(parse_config("[[service]]\ntcp = \"192.0.2.1:80\"\n"
                                            "servers = [{ address = \"10.0.0.1\" }]\n",
                                            "f"))
                              .config;
    EXPECT_EQ(config.services.at(0).servers.at(0).key.port, 80);
}

TEST(GoodFiles, positions_stand_beside_the_values) {
    const ConfigSource source = good(read_config(example("minimal.toml"))).source;
    EXPECT_EQ(source.interfaces.at(1), (Position{5, 8}));
    EXPECT_EQ(source.services.at(0).key, (Position{8, 7}));
    EXPECT_EQ(source.services.at(0).scheduler, (Position{9, 13}));
    EXPECT_EQ(source.services.at(0).servers.at(1), (Position{10, 56}));
}

// Nothing may be quadratic: 10,000 services of 10 servers read in a fraction of a second. The
// limit is loose for the sake of sanitizers.
TEST(GoodFiles, many_services) {
    std::string text;
    for (int i = 0; i < 10000; ++i) {
        const std::string host = std::to_string(i / 100) + "." + std::to_string(i % 100);
        text += "[[service]]\ntcp = \"203.0." + host + ":80\"\nservers = [\n";
        for (int j = 0; j < 10; ++j)
            text += "    { address = \"10." + std::to_string(j) + "." + host + ":80\" },\n";
        text += "]\n";
    }
    const auto before = std::chrono::steady_clock::now();
    const Config config = good(parse_config(text, "f")).config;
    const auto after_reading = std::chrono::steady_clock::now();
    ASSERT_EQ(config.services.size(), 10000U);
    const std::string written = write_config(config);
    const auto after_writing = std::chrono::steady_clock::now();
    using Seconds = std::chrono::duration<double>;
    const Seconds reading = after_reading - before;
    const Seconds writing = after_writing - after_reading;
    RecordProperty("reading_ms", static_cast<int>(reading.count() * 1000));
    RecordProperty("writing_ms", static_cast<int>(writing.count() * 1000));
    EXPECT_LT(reading.count(), 10.0);
    EXPECT_LT(writing.count(), 10.0);
    EXPECT_EQ(good(parse_config(written, "f")).config, config);
}

TEST(Endpoint, forms) {
    EXPECT_EQ(parse_endpoint("192.0.2.1:80")->port, 80);
    EXPECT_FALSE(parse_endpoint("192.0.2.1")->port);
    EXPECT_EQ(parse_endpoint("[2001:db8::1]:80")->port, 80);
    EXPECT_FALSE(parse_endpoint("[2001:db8::1]")->port);
    EXPECT_EQ(parse_endpoint("2001:db8::1")->address.to_string(), "2001:db8::1");
    EXPECT_EQ(parse_endpoint("::")->address.family(), Family::ipv6);
    for (const char* bad :
         {"", ":", ":80", "192.0.2.1:", "192.0.2.1:080", "192.0.2.1:+1", "[::1", "[::1]80",
          "[192.0.2.1]:80", "192.0.2.1:80:1", "[]:80", "192.0.2.1 :80"})
        EXPECT_FALSE(parse_endpoint(bad)) << bad;
}

TEST(Nearest, tells_typing_errors_from_other_words) {
    const std::string_view keys[] = {"weight", "address", "forwarding"};
    EXPECT_EQ(nearest("wieght", keys), "weight");
    EXPECT_EQ(nearest("adress", keys), "address");
    EXPECT_EQ(nearest("forward", keys), "");
    EXPECT_EQ(nearest("", keys), "");
    EXPECT_EQ(nearest(std::string(100000, 'w'), keys), "");
}

}  // namespace
}  // namespace usher
