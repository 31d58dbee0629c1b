// SPDX-License-Identifier: BSD-3-Clause
// Against a plain scan of the rules, and how long a lookup takes.
#include "dataplane/mark_rules.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

namespace usher {
namespace {

struct Arrival {
    PortIndex port = 0;
    Protocol protocol = Protocol::tcp;
    IpAddress source;
    IpAddress destination;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
};

bool matches(const MarkRanges& rule, const Arrival& packet) {
    return rule.family == packet.source.family() && (!rule.port || *rule.port == packet.port) &&
           (!rule.protocol || *rule.protocol == packet.protocol) &&
           (!rule.source || rule.source->contains(packet.source)) &&
           (!rule.destination || rule.destination->contains(packet.destination)) &&
           packet.source_port >= rule.first_source_port &&
           packet.source_port <= rule.last_source_port &&
           packet.destination_port >= rule.first_destination_port &&
           packet.destination_port <= rule.last_destination_port;
}

std::uint32_t scan(const std::vector<MarkRanges>& rules, const Arrival& packet) {
    for (const MarkRanges& rule : rules)
        if (matches(rule, packet)) return rule.mark;
    return 0;
}

std::uint32_t look_up(const MarkRules& rules, const Arrival& packet) {
    return rules.mark_of(packet.port, packet.protocol, packet.source,
                         Be16::from_host(packet.source_port), packet.destination,
                         Be16::from_host(packet.destination_port));
}

IpAddress address(const char* text) {
    return *IpAddress::parse(text);
}

// Rules and packets that meet often: few networks, many lengths, ports at the ends of ranges.
class Chance {
  public:
    explicit Chance(unsigned seed) : engine_(seed) {}

    unsigned below(unsigned limit) { return static_cast<unsigned>(engine_() % limit); }

    IpAddress any_address(Family family) {
        static constexpr std::uint8_t kBytes[] = {0, 1, 127, 128, 255};
        std::array<std::uint8_t, 16> bytes{};
        for (std::uint8_t& byte : bytes)
            byte = kBytes[below(5)];
        if (family == Family::ipv6) return IpAddress(bytes);
        return IpAddress(Be32::from_host(static_cast<std::uint32_t>(bytes[0]) << 24 |
                                         static_cast<std::uint32_t>(bytes[1]) << 16 |
                                         static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3]));
    }

    std::uint16_t any_port() {
        static constexpr std::uint16_t kPorts[] = {0, 1, 79, 80, 81, 443, 8000, 8999, 65534, 65535};
        return kPorts[below(10)];
    }

    Arrival packet(Family family) {
        Arrival packet;
        packet.port = static_cast<PortIndex>(below(3));
        packet.protocol = below(2) == 0 ? Protocol::tcp : Protocol::udp;
        packet.source = any_address(family);
        packet.destination = any_address(family);
        packet.source_port = any_port();
        packet.destination_port = any_port();
        return packet;
    }

    MarkRanges rule() {
        MarkRanges rule;
        rule.mark = 1 + below(1'000'000);
        rule.family = below(2) == 0 ? Family::ipv4 : Family::ipv6;
        if (below(4) == 0) rule.port = static_cast<PortIndex>(below(3));
        if (below(2) == 0) rule.protocol = below(2) == 0 ? Protocol::tcp : Protocol::udp;
        if (below(2) == 0) rule.source = network(rule.family);
        if (below(3) != 0) rule.destination = network(rule.family);
        if (below(4) == 0) ports(rule.first_source_port, rule.last_source_port);
        if (below(2) == 0) ports(rule.first_destination_port, rule.last_destination_port);
        return rule;
    }

  private:
    Prefix network(Family family) {
        const IpAddress any = any_address(family);
        return Prefix::of(any, static_cast<int>(below(static_cast<unsigned>(any.bits()) + 1)));
    }
    void ports(std::uint16_t& first, std::uint16_t& last) {
        first = any_port();
        last = any_port();
        if (last < first) std::swap(first, last);
    }

    std::mt19937 engine_;
};

// `marked`: counts those that a rule matched.
void expect_equal_to_a_scan(const std::vector<MarkRanges>& rules, Chance& chance, int packets,
                            int& marked) {
    const MarkRules compiled(rules);
    for (int i = 0; i < packets; ++i) {
        const Arrival packet = chance.packet(i % 2 == 0 ? Family::ipv4 : Family::ipv6);
        const std::uint32_t expected = scan(rules, packet);
        ASSERT_EQ(look_up(compiled, packet), expected) << "packet " << i;
        marked += expected != 0 ? 1 : 0;
    }
}

TEST(MarkRules, NoneGivesNoMark) {
    EXPECT_TRUE(MarkRules().empty());
    Chance chance(1);
    EXPECT_EQ(look_up(MarkRules(), chance.packet(Family::ipv4)), 0U);
    EXPECT_EQ(look_up(MarkRules(), chance.packet(Family::ipv6)), 0U);
}

TEST(MarkRules, TheFirstThatMatchesWins) {
    MarkRanges web;
    web.mark = 7;
    web.protocol = Protocol::tcp;
    web.destination = Prefix::of(address("10.9.0.1"), 32);
    web.first_destination_port = web.last_destination_port = 80;
    MarkRanges rest;
    rest.mark = 8;
    rest.destination = Prefix::of(address("10.9.0.0"), 16);
    const MarkRules rules({web, rest});
    Arrival packet{0, Protocol::tcp, address("10.1.0.5"), address("10.9.0.1"), 4000, 80};
    EXPECT_EQ(look_up(rules, packet), 7U);
    EXPECT_EQ(look_up(MarkRules({rest, web}), packet), 8U);
    packet.destination_port = 81;
    EXPECT_EQ(look_up(rules, packet), 8U);
    packet.destination = address("10.10.0.0");
    EXPECT_EQ(look_up(rules, packet), 0U);
}

TEST(MarkRules, TheEndsOfEveryField) {
    MarkRanges rule;
    rule.mark = 1;
    rule.source = Prefix::of(address("255.255.255.255"), 32);
    rule.first_source_port = rule.last_source_port = 65535;
    rule.first_destination_port = rule.last_destination_port = 0;
    const MarkRules rules({rule});
    Arrival packet{65535, Protocol::sctp, address("255.255.255.255"), address("0.0.0.0"), 65535, 0};
    EXPECT_EQ(look_up(rules, packet), 1U);
    packet.source_port = 65534;
    EXPECT_EQ(look_up(rules, packet), 0U);
}

TEST(MarkRules, ANetworkOfTheOtherFamilyNeverMatches) {
    MarkRanges rule;
    rule.mark = 1;
    rule.source = Prefix::of(address("2001:db8::"), 32);
    Chance chance(2);
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(look_up(MarkRules({rule}), chance.packet(Family::ipv4)), 0U);
        EXPECT_EQ(look_up(MarkRules({rule}), chance.packet(Family::ipv6)), 0U);
    }
}

TEST(MarkRules, EqualToAScanForRandomRules) {
    Chance chance(3);
    int marked = 0;
    for (int round = 0; round < 200; ++round) {
        std::vector<MarkRanges> rules(chance.below(40));
        for (MarkRanges& rule : rules)
            rule = chance.rule();
        ASSERT_NO_FATAL_FAILURE(expect_equal_to_a_scan(rules, chance, 200, marked));
    }
    EXPECT_GT(marked, 10'000);
}

// More rules than a block has, and few wide ones, so that the first match is far from the first.
TEST(MarkRules, EqualToAScanForManyRules) {
    Chance chance(4);
    std::vector<MarkRanges> rules;
    while (rules.size() < 3000) {
        const MarkRanges rule = chance.rule();
        const bool narrow = rule.destination && rule.destination->length >= 24 && rule.protocol;
        if (narrow) rules.push_back(rule);
    }
    int marked = 0;
    expect_equal_to_a_scan(rules, chance, 6'000, marked);
    EXPECT_GT(marked, 300);
}

// As a farm would have them: a rule for each of 5,000 addresses and ports, two catch-alls last.
TEST(MarkRules, FiveThousandRulesCostLittle) {
    std::vector<MarkRanges> rules;
    for (std::uint32_t i = 0; i < 5000; ++i) {
        MarkRanges rule;
        rule.mark = i + 1;
        rule.protocol = i % 2 == 0 ? Protocol::tcp : Protocol::udp;
        const IpAddress to(Be32::from_host(0x0a090000 + i / 2));
        rule.destination = Prefix::of(to, 32);
        rule.first_destination_port = static_cast<std::uint16_t>(i % 7 * 100);
        rule.last_destination_port = static_cast<std::uint16_t>(rule.first_destination_port + 99);
        rules.push_back(rule);
    }
    const auto start = std::chrono::steady_clock::now();
    const MarkRules compiled(rules);
    const auto built = std::chrono::steady_clock::now();
    constexpr std::uint32_t kLookups = 200'000;
    std::uint32_t sum = 0;
    std::uint32_t random = 1;
    for (std::uint32_t i = 0; i < kLookups; ++i) {
        random = random * 1664525 + 1013904223;
        sum += compiled.mark_of(0, Protocol::tcp, Be32::from_host(random), Be16::from_host(4000),
                                Be32::from_host(0x0a090000 + random % 2500),
                                Be16::from_host(static_cast<std::uint16_t>(random >> 20 & 511)));
    }
    const auto done = std::chrono::steady_clock::now();
    const double nanoseconds = std::chrono::duration<double, std::nano>(done - built).count();
    EXPECT_NE(sum, 0U);
    EXPECT_LT(nanoseconds / kLookups, 5000);  // far from a scan even in a sanitizer's build
    RecordProperty("nanoseconds_a_lookup", std::to_string(nanoseconds / kLookups));
    RecordProperty(
        "microseconds_to_build",
        std::to_string(std::chrono::duration<double, std::micro>(built - start).count()));
}

}  // namespace
}  // namespace usher
