// SPDX-License-Identifier: BSD-3-Clause
// Incremental checksums against sums from nothing, and IPVS's table of TCP states.
#include "nat/rewrite.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>

#include "nat/tcp_state.hpp"

namespace usher {
namespace {

std::uint16_t complement(std::uint32_t sum) {
    return static_cast<std::uint16_t>(~sum);
}

TEST(Checksum, IsThatOfRfc1071) {
    const std::array<std::uint8_t, 8> words{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    EXPECT_EQ(Be16::from_raw(static_cast<std::uint16_t>(sum_words(words))).host(), 0xddf2);
    const std::array<std::uint8_t, 3> odd{0x01, 0x02, 0x03};
    EXPECT_EQ(Be16::from_raw(static_cast<std::uint16_t>(sum_words(odd))).host(), 0x0402);
    EXPECT_EQ(sum_words({}), 0U);
}

// RFC 1624 section 4: the example where eqn. 4 of RFC 1141 goes wrong.
TEST(Checksum, UpdatesAsInRfc1624) {
    const ChecksumDelta delta = delta_of(Be16::from_host(0x5555), Be16::from_host(0x3285));
    const Be16 updated = Be16::from_raw(delta.apply(Be16::from_host(0xdd2f).raw()));
    EXPECT_EQ(updated.host(), 0x0000);
    EXPECT_EQ(Be16::from_raw(delta.opposite().apply(updated.raw())).host(), 0xdd2f);
}

std::array<std::uint8_t, 40> segment(const Flow4& flow, std::mt19937& random) {
    std::array<std::uint8_t, 40> ip{};
    for (std::uint8_t& byte : ip)
        byte = static_cast<std::uint8_t>(random());
    ip[0] = 0x45;
    ip[ipv4::kTtl] = 64;
    ip[ipv4::kProtocol] = 6;
    std::memcpy(&ip[ipv4::kSource], &flow.source, 8);
    std::memcpy(&ip[20], &flow.source_port, 4);
    return ip;
}

std::uint16_t ip_sum(const std::array<std::uint8_t, 40>& ip) {
    return complement(sum_words({ip.data(), 20}));
}
std::uint16_t tcp_sum(const std::array<std::uint8_t, 40>& ip) {
    const std::uint32_t pseudo =
        sum_words({ip.data() + 12, 8}, Be16::from_host(6).raw() + Be16::from_host(20).raw());
    return complement(sum_words({ip.data() + 20, 20}, pseudo));
}

TEST(Rewrite, KeepsChecksumsRight) {
    std::mt19937 random(1);
    for (int i = 0; i < 20000; ++i) {
        const auto word = [&] { return static_cast<std::uint32_t>(random() % 3 ? random() : 0); };
        const auto port = [&] { return Be16::from_host(static_cast<std::uint16_t>(word())); };
        const Flow4 from{Be32::from_host(word()), Be32::from_host(word()), port(), port()};
        const Flow4 to{Be32::from_host(word()), Be32::from_host(word()), port(), port()};
        std::array<std::uint8_t, 54> frame{};
        auto ip = segment(from, random);
        store<std::uint16_t>(&ip[ipv4::kChecksum], 0);
        store(&ip[ipv4::kChecksum], ip_sum(ip));
        store<std::uint16_t>(&ip[20 + kTcpChecksum], 0);
        store(&ip[20 + kTcpChecksum], tcp_sum(ip));
        std::memcpy(frame.data() + 14, ip.data(), ip.size());

        Headers headers;
        headers.protocol = 6;
        headers.l4 = 34;
        rewrite(frame.data(), headers, to.reversed(), deltas_between(from, to));
        std::memcpy(ip.data(), frame.data() + 14, ip.size());
        ASSERT_EQ(ip_sum(ip), 0);
        ASSERT_EQ(tcp_sum(ip), 0);
        ASSERT_EQ(ip[ipv4::kTtl], 63);
    }
}

TEST(Rewrite, UdpWithoutChecksumStaysWithout) {
    std::array<std::uint8_t, 2> sum{0, 0};
    adjust_udp(sum.data(), {0x1234});
    EXPECT_EQ(load<std::uint16_t>(sum.data()), 0);
    // A sum that comes out as 0 is sent as 0xffff.
    store<std::uint16_t>(sum.data(), 0x1111);
    adjust_udp(sum.data(), {0x1111});
    EXPECT_EQ(load<std::uint16_t>(sum.data()), 0xffff);
}

TEST(TcpState, FollowsWhoClosesFirst) {
    State state = State::none;
    const auto step = [&](Direction direction, int flags) {
        state = next_state(state, direction, static_cast<std::uint8_t>(flags));
        return state;
    };
    EXPECT_EQ(step(Direction::original, kSyn), State::syn_recv);
    EXPECT_EQ(step(Direction::reply, kSyn | kAck), State::syn_recv);
    EXPECT_EQ(step(Direction::original, kRst), State::syn_recv) << "a client's RST changes nothing";
    EXPECT_EQ(step(Direction::original, kAck), State::established);
    EXPECT_EQ(step(Direction::original, kFin | kAck), State::close_wait);
    EXPECT_EQ(step(Direction::reply, kFin | kAck), State::time_wait);
    EXPECT_EQ(step(Direction::original, kSyn), State::syn_recv);
    EXPECT_EQ(step(Direction::reply, kRst | kAck), State::close);

    state = State::established;
    EXPECT_EQ(step(Direction::reply, kFin | kAck), State::fin_wait);
    EXPECT_EQ(step(Direction::original, kFin | kAck), State::time_wait);
    state = State::established;
    EXPECT_EQ(step(Direction::original, kRst), State::close);
    state = State::established;
    EXPECT_EQ(step(Direction::original, 0), State::close) << "no flag at all";
}

TEST(TcpState, NamesAndCountsAsIpvsDoes) {
    EXPECT_EQ(state_name(State::syn_recv), "SYN_RECV");
    EXPECT_EQ(state_name(State::udp), "UDP");
    EXPECT_TRUE(is_active(State::established) && is_active(State::syn_recv));
    EXPECT_FALSE(is_active(State::time_wait) || is_active(State::close_wait) ||
                 is_active(State::none) || is_active(State::udp));
    EXPECT_EQ(state_timeouts(900, 120, 300)[static_cast<std::size_t>(State::close)], 10U);
}

}  // namespace
}  // namespace usher
