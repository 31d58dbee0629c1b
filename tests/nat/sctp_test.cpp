// SPDX-License-Identifier: BSD-3-Clause
// CRC32c against known values and a plain division, and SCTP's ports.
#include "nat/sctp.hpp"

#include <gtest/gtest.h>

#include <random>

#include "nat/crc32c.hpp"
#include "tests/nat/datagram.hpp"

namespace usher {
namespace {

using test::Bytes;

// Bit by bit, the polynomial of RFC 9260 appendix A with its bits turned around.
std::uint32_t divided(const Bytes& bytes) {
    std::uint32_t crc = 0xffffffff;
    for (const std::uint8_t byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}

TEST(Crc32c, IsThatOfRfc3720) {
    const std::string digits = "123456789";
    EXPECT_EQ(crc32c(Bytes(digits.begin(), digits.end())), 0xe3069283U);
    EXPECT_EQ(crc32c(Bytes(32, 0x00)), 0x8a9136aaU);
    EXPECT_EQ(crc32c(Bytes(32, 0xff)), 0x62a8ab43U);
    EXPECT_EQ(crc32c({}), 0U);
}

TEST(Crc32c, OfPiecesIsThatOfTheWhole) {
    std::mt19937 random(3);
    Bytes bytes(200);
    for (std::uint8_t& byte : bytes)
        byte = static_cast<std::uint8_t>(random());
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        const std::span<const std::uint8_t> all(bytes);
        ASSERT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), divided(bytes));
    }
}

TEST(Sctp, PortsChangeWithTheWholeChecksum) {
    for (const std::size_t size : {12, 13, 32, 1480}) {
        Bytes packet(size, 0x5a);
        test::put16(&packet[0], 4001);
        test::put16(&packet[2], 9);
        const auto with_checksum = [](Bytes bytes) {
            std::fill_n(bytes.begin() + 8, 4, std::uint8_t{0});
            const std::uint32_t crc = divided(bytes);
            for (int i = 0; i < 4; ++i)  // lowest byte first
                bytes[8 + i] = static_cast<std::uint8_t>(crc >> 8 * i);
            return bytes;
        };
        packet = with_checksum(packet);
        ASSERT_TRUE(is_sctp_sound(packet));
        Bytes expected = packet;
        test::put16(&expected[0], 50000);
        test::put16(&expected[2], 9000);
        EXPECT_FALSE(is_sctp_sound(expected));
        expected = with_checksum(expected);
        rewrite_sctp(packet, {Be16::from_host(50000), Be16::from_host(9000)});
        EXPECT_EQ(packet, expected);
    }
}

}  // namespace
}  // namespace usher
