// SPDX-License-Identifier: BSD-3-Clause
// What is written reads back as the same values: for many random configurations.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "conf/read.hpp"
#include "conf/vs_settings.hpp"
#include "conf/write.hpp"

namespace usher {
namespace {

class Generator {
  public:
    explicit Generator(std::uint32_t seed) : random_(seed) {}

    Config config() {
        Config config;
        repeat(3, [&](int i) { config.interfaces.push_back(interface(i)); });
        repeat(4, [&](int i) { config.worker_cores.push_back(static_cast<unsigned>(3 * i)); });
        config.idle = static_cast<Idle>(below(2));
        config.spread = below(2) != 0;
        config.connection_table_bits = below(2) ? 20 : 8 + below(20);
        if (below(2)) config.fragments = {1 + below(65536), below(65537), 1 + below(600)};
        config.timeouts = {1 + below(2000), 1 + below(300), 300};
        if (below(2)) config.control = {"/tmp/a \"quoted\\\" path\x01", "op\u00e9rateurs"};
        config.log = {static_cast<LogLevel>(below(5)), below(64)};
        for (const InterfaceConfig& each : config.interfaces)
            if (each.attach == AttachKind::device) add_wire(config, each.name);
        if (below(2))
            for (const VsSetting& setting : vs_settings())
                config.vs.*setting.value = setting.least + below(setting.most - setting.least + 1);
        repeat(4, [&](int i) { config.marks.push_back(mark(config, i)); });
        repeat(3, [&](int i) { config.masquerade.push_back(masquerade(i)); });
        if (below(2)) config.other = OtherTraffic::kernel;
        repeat(6, [&](int i) { config.services.push_back(service(i)); });
        return config;
    }

  private:
    std::uint32_t below(std::uint32_t bound) {
        return static_cast<std::uint32_t>(random_()) % bound;
    }
    template <class Make>
    void repeat(std::uint32_t most, Make make) {
        for (int i = 0, count = static_cast<int>(below(most + 1)); i < count; ++i)
            make(i);
    }

    IpAddress address(Family family, int i) {
        if (family == Family::ipv4)
            return IpAddress(Be32::from_host(0x0a000001U + static_cast<std::uint32_t>(i)));
        std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
        bytes[8] = static_cast<std::uint8_t>(below(256));
        bytes[15] = static_cast<std::uint8_t>(i + 1);
        return IpAddress(bytes);
    }

    InterfaceConfig interface(int i) {
        InterfaceConfig interface;
        interface.name = "eth" + std::to_string(i);
        interface.role = static_cast<Role>(below(3));
        if (below(2)) interface.packet_buffers = 1024U << below(15);
        if (below(2)) interface.queues = 1 + below(64);
        if (below(2)) interface.xdp = static_cast<XdpMode>(below(3));
        if (interface.xdp != XdpMode::generic)
            interface.zero_copy = static_cast<ZeroCopy>(below(3));
        if (below(2)) return interface;
        interface.attach = AttachKind::device;
        interface.xdp = XdpMode::automatic;
        interface.zero_copy = ZeroCopy::automatic;
        interface.device = "net_null" + std::to_string(i);
        if (below(2)) interface.addresses = {"10.0.0.1/24", "2001:db8::1/64"};
        if (below(2)) return interface;
        interface.device.clear();
        interface.queues = 0;
        interface.parent = "eth" + std::to_string(below(3));
        interface.vlan = static_cast<std::uint16_t>(1 + below(4094));
        return interface;
    }

    void add_wire(Config& config, const std::string& name) {
        const Family family = below(2) ? Family::ipv4 : Family::ipv6;
        config.neighbours.push_back({address(family, 1), {{2, 0, 0, 0, 0xab, 1}}, name});
        StaticRoute route{Prefix::of(address(family, 1), 8), std::nullopt, name};
        if (below(2)) route.via = address(family, 2);
        config.routes.push_back(route);
    }

    PortRange ports() {
        const auto first = static_cast<std::uint16_t>(below(65536));
        return {first, static_cast<std::uint16_t>(first + below(65536U - first))};
    }

    MasqueradeRule masquerade(int i) {
        const auto at = [&](std::uint32_t last) {
            return IpAddress(
                Be32::from_host(0xcb007100 + static_cast<std::uint32_t>(i) * 16 + last));
        };
        MasqueradeRule rule;
        rule.inside = {
            Prefix::of(IpAddress(Be32::from_host(0x0a000000)), 8 + static_cast<int>(below(25)))};
        if (below(2)) rule.outside = {{at(0), at(below(8))}, {at(9), at(9 + below(4))}};
        if (below(2)) rule.ports = PortRange{1, static_cast<std::uint16_t>(1 + below(65535))};
        return rule;
    }

    MarkRule mark(const Config& config, int i) {
        MarkRule rule;
        rule.mark = 1 + below(4000000000U);
        rule.family = below(2) ? Family::ipv4 : Family::ipv6;
        if (below(2)) rule.protocol = below(2) ? Protocol::tcp : Protocol::udp;
        const int bits = rule.family == Family::ipv4 ? 33 : 129;
        const auto length = [&] { return static_cast<int>(below(static_cast<unsigned>(bits))); };
        if (below(2)) rule.source = Prefix::of(address(rule.family, i), length());
        if (below(2)) rule.destination = Prefix::of(address(rule.family, i), length());
        if (below(2)) rule.source_ports = ports();
        if (below(2)) rule.destination_ports = ports();
        if (!config.interfaces.empty() && below(2)) rule.interface = config.interfaces[0].name;
        return rule;
    }

    ServiceConfig service(int i) {
        const Family family = below(2) ? Family::ipv4 : Family::ipv6;
        ServiceConfig service;
        if (below(3) == 0) {
            service.key.fwmark = 1 + static_cast<std::uint32_t>(i);
            service.key.protocol = Protocol::ip;
            if (family == Family::ipv6)
                service.key.address = IpAddress(std::array<std::uint8_t, 16>{});
        } else {
            constexpr Protocol kProtocols[] = {Protocol::tcp, Protocol::udp, Protocol::sctp};
            const auto port = static_cast<std::uint16_t>(1 + below(65535));
            service.key = {0, kProtocols[below(3)], address(family, i), port};
        }
        fill_options(service);
        repeat(5, [&](int j) { service.servers.push_back(server(family, j)); });
        return service;
    }

    void fill_options(ServiceConfig& service) {
        constexpr const char* kSchedulers[] = {"rr", "wlc", "sh", "mh", "a\"b"};
        const bool ipv4 = service.key.family() == Family::ipv4;
        const bool one_packet = service.key.fwmark != 0 || service.key.protocol == Protocol::udp;
        ServiceOptions& options = service.options;
        options.scheduler = kSchedulers[below(5)];
        options.flags = below(8) << 3;
        if (one_packet && below(2)) options.flags |= kFlagOnePacket;
        options.persistence = below(2) ? 0 : below(2678401);
        options.persistence_bits = static_cast<std::uint8_t>(ipv4 ? below(33) : 1 + below(128));
        if (below(4) == 0) options.persistence_engine = "sip";
        options.idle_timeout = below(2) ? 0 : below(2678401);
        options.slow_start = below(2) ? 0 : below(86401);
        if (service.key.fwmark != 0 || service.key.protocol == Protocol::tcp)
            options.mss_clamp = below(2) ? 0 : below(2) ? kMssAuto : 536 + below(64960);
        if (service.key.fwmark != 0 || service.key.protocol == Protocol::tcp) {
            if (below(2)) options.ftp = below(2) == 0;
            options.ftp_third_party = below(2) == 0;
        }
    }

    ServerConfig server(Family family, int i) {
        ServerConfig server;
        server.key = {address(family, i), static_cast<std::uint16_t>(below(65536))};
        ServerOptions& options = server.options;
        options.forwarding = static_cast<Forwarding>(below(4));
        options.weight = below(2) ? 1 : below(2147483648U);
        options.upper_threshold = below(1000);
        options.lower_threshold = below(options.upper_threshold + 1);
        if (options.forwarding == Forwarding::tunnel) {
            options.tunnel = static_cast<TunnelType>(below(3));
            options.tunnel_port = static_cast<std::uint16_t>(1 + below(65535));
            options.tunnel_flags = static_cast<std::uint16_t>(below(4));
        }
        return server;
    }

    std::mt19937 random_;
};

TEST(RoundTrip, of_random_configurations) {
    for (std::uint32_t seed = 0; seed < 500; ++seed) {
        const Config config = Generator(seed).config();
        const std::string text = write_config(config);
        const ConfigResult result = parse_config(text, "written");
        ASSERT_TRUE(result.has_value()) << to_string(result.error()) << text;
        ASSERT_EQ(result->config, config) << "seed " << seed << "\n" << text;
        ASSERT_EQ(write_config(result->config), text);
    }
}

TEST(RoundTrip, of_the_defaults_is_nothing) {
    EXPECT_EQ(write_config(Config{}), "");
}

TEST(RoundTrip, is_laid_out_for_people) {
    Config config;
    config.interfaces.resize(1);
    config.interfaces[0].name = "eth0";
    config.interfaces[0].role = Role::external;
    config.worker_cores = {1, 2};
    config.vs.drop_entry = 1;
    config.marks.resize(1);
    config.marks[0].mark = 7;
    config.marks[0].destination_ports = {8000, 8999};
    ServiceConfig service;
    service.key = {0, Protocol::tcp, *IpAddress::parse("203.0.113.10"), 80};
    service.servers = {{{*IpAddress::parse("10.0.0.100"), 80}, {}},
                       {{*IpAddress::parse("10.0.0.101"), 80}, {Forwarding::masquerade, 2}}};
    config.services = {service};
    EXPECT_EQ(write_config(config), R"([workers]
cores = [1, 2]

[vs]
drop_entry = 1

[[interface]]
name = "eth0"
role = "external"

[[mark]]
mark = 7
destination_ports = "8000-8999"

[[service]]
tcp = "203.0.113.10:80"
scheduler = "wlc"
servers = [
    { address = "10.0.0.100:80" },
    { address = "10.0.0.101:80", weight = 2 },
]
)");
}

}  // namespace
}  // namespace usher
