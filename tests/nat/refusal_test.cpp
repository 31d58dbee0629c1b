// SPDX-License-Identifier: BSD-3-Clause
// What the director says by itself, over both families.
#include "nat/refusal.hpp"

#include <gtest/gtest.h>

#include "tests/nat/datagram.hpp"

namespace usher {
namespace {

using test::Bytes;

template <class T>
class Refusal : public testing::Test {
  public:
    static constexpr Family kF = T::value;
    static constexpr std::size_t kIp = test::kHeader<kF>;

    // A frame from host 1 to host 2 in a buffer of kRefusalRoom; headers as parse<kF> would say.
    void put(std::uint8_t protocol, const Bytes& payload) {
        sent = test::datagram<kF>(test::host<kF>(1), test::host<kF>(2), protocol, payload);
        room.assign(kRefusalRoom, 0xee);
        std::copy(sent.begin(), sent.begin() + std::min(sent.size(), room.size() - 14),
                  room.begin() + 14);
        headers.protocol = protocol;
        headers.l4 = static_cast<std::uint8_t>(14 + kIp);
        headers.ip_length = static_cast<std::uint16_t>(sent.size());
        if (protocol == 6) headers.tcp_flags = payload[13];
    }
    const std::uint8_t* answer() const { return room.data() + 14; }
    AddressOf<kF> from() const { return load<AddressOf<kF>>(answer() + IpLayout<kF>::kSource); }
    AddressOf<kF> to() const { return load<AddressOf<kF>>(answer() + IpLayout<kF>::kDestination); }
    std::size_t said_length() const {
        return kF == Family::ipv4 ? test::big16(answer() + 2) : test::big16(answer() + 4) + 40U;
    }

    Bytes sent, room;
    Headers headers;
};
using Families = testing::Types<test::IPv4, test::IPv6>;
TYPED_TEST_SUITE(Refusal, Families);

TYPED_TEST(Refusal, ErrorsQuoteWhatFits) {
    constexpr Family kFamily = TestFixture::kF;
    constexpr std::size_t kL4 = TestFixture::kIp;
    constexpr std::size_t kLimit = kFamily == Family::ipv4 ? 576 : 1280;
    const std::uint8_t protocol = kFamily == Family::ipv4 ? 1 : 58;
    for (const std::size_t size : {8, 9, 500, 520, 521, 1184, 1185, 1200, 8000}) {
        this->put(17, Bytes(size, 0x5a));
        const std::size_t length = write_icmp_error<kFamily>(
            this->room, this->headers, IcmpError::fragmentation_needed, 1400, 7);
        const std::size_t quoted = std::min(kL4 + size, kLimit - kL4 - 8);
        ASSERT_EQ(length, 14 + kL4 + 8 + quoted);
        ASSERT_EQ(this->said_length(), length - 14);
        ASSERT_TRUE(test::has_right_header<kFamily>(this->answer()));
        ASSERT_EQ(test::transport_sum<kFamily>(this->answer(), kL4, length - 14, protocol),
                  0xffffU);
        ASSERT_EQ(this->from(), test::host<kFamily>(2));
        ASSERT_EQ(this->to(), test::host<kFamily>(1));
        ASSERT_EQ(test::big16(this->answer() + kL4), kFamily == Family::ipv4 ? 0x0304 : 0x0200);
        ASSERT_EQ(test::big16(this->answer() + kL4 + 6), 1400);
        ASSERT_TRUE(std::equal(this->answer() + kL4 + 8, this->answer() + kL4 + 8 + quoted,
                               this->sent.begin()));
    }
}

TYPED_TEST(Refusal, EachErrorHasItsTypeAndCode) {
    constexpr Family kFamily = TestFixture::kF;
    const auto code = [&](IcmpError error) {
        this->put(17, Bytes(8));
        write_icmp_error<kFamily>(this->room, this->headers, error, 0, 7, test::host<kFamily>(9));
        EXPECT_EQ(this->from(), test::host<kFamily>(9));
        return test::big16(this->answer() + TestFixture::kIp);
    };
    const bool v4 = kFamily == Family::ipv4;
    EXPECT_EQ(code(IcmpError::no_route), v4 ? 0x0300 : 0x0100);
    EXPECT_EQ(code(IcmpError::host_unreachable), v4 ? 0x0301 : 0x0103);
    EXPECT_EQ(code(IcmpError::port_unreachable), v4 ? 0x0303 : 0x0104);
    EXPECT_EQ(code(IcmpError::time_exceeded), v4 ? 0x0b00 : 0x0300);
    EXPECT_EQ(code(IcmpError::prohibited), v4 ? 0x030d : 0x0101);
}

TYPED_TEST(Refusal, ResetsAnswerTheSegment) {
    constexpr Family kFamily = TestFixture::kF;
    constexpr std::size_t kL4 = TestFixture::kIp;
    Bytes segment(20 + 5);
    test::put16(&segment[0], 4001);
    test::put16(&segment[2], 80);
    test::put16(&segment[6], 1000);  // sequence number
    test::put16(&segment[10], 77);   // acknowledged
    segment[12] = 0x50;
    for (const int flags : {0x02, 0x10, 0x01}) {
        segment[13] = static_cast<std::uint8_t>(flags);
        this->put(6, segment);
        const std::size_t length = write_tcp_reset<kFamily>(this->room, this->headers);
        ASSERT_EQ(length, 14 + kL4 + 20);
        ASSERT_EQ(this->said_length(), length - 14);
        ASSERT_TRUE(test::has_right_header<kFamily>(this->answer()));
        ASSERT_EQ(test::transport_sum<kFamily>(this->answer(), kL4, kL4 + 20, 6), 0xffffU);
        ASSERT_EQ(this->from(), test::host<kFamily>(2));
        const std::uint8_t* tcp = this->answer() + kL4;
        ASSERT_EQ(test::big16(tcp), 80);
        ASSERT_EQ(test::big16(tcp + 2), 4001);
        const bool acknowledges = flags == 0x10;
        ASSERT_EQ(tcp[13], acknowledges ? 0x04 : 0x14);
        ASSERT_EQ(test::big16(tcp + 6), acknowledges ? 77 : 0);
        ASSERT_EQ(test::big16(tcp + 10), acknowledges ? 0 : 1000 + 5 + 1);
    }
}

}  // namespace
}  // namespace usher
