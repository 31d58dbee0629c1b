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

Bytes with_checksum(Bytes packet) {
    std::fill_n(packet.begin() + 8, 4, std::uint8_t{0});
    const std::uint32_t crc = divided(packet);
    for (int i = 0; i < 4; ++i)  // lowest byte first
        packet[8 + i] = static_cast<std::uint8_t>(crc >> 8 * i);
    return packet;
}

TEST(Crc32c, TheReferenceIsThatOfRfc3720) {
    const std::string digits = "123456789";
    EXPECT_EQ(divided(Bytes(digits.begin(), digits.end())), 0xe3069283U);
    EXPECT_EQ(divided(Bytes(32, 0x00)), 0x8a9136aaU);
}

TEST(Crc32c, ChangesByWhatItsFirstBytesChangeBy) {
    std::mt19937 random(3);
    for (const std::size_t size : {4, 5, 12, 255, 256, 257, 1480, 9000, 65535}) {
        Bytes bytes(size);
        for (std::uint8_t& byte : bytes)
            byte = static_cast<std::uint8_t>(random());
        const std::uint32_t before = divided(bytes);
        const auto delta = static_cast<std::uint32_t>(random());
        for (int i = 0; i < 4; ++i)
            bytes[i] ^= static_cast<std::uint8_t>(delta >> 8 * i);
        EXPECT_EQ(before ^ crc32c_of_change(delta, size), divided(bytes)) << size;
        EXPECT_EQ(crc32c_of_change(0, size), 0U);
    }
}

TEST(Sctp, PortsChangeAndTheChecksumWithThem) {
    for (const std::size_t size : {12, 13, 32, 1480}) {
        Bytes packet(size, 0x5a);
        test::put16(&packet[0], 4001);
        test::put16(&packet[2], 9);
        packet = with_checksum(packet);
        Bytes expected = packet;
        test::put16(&expected[0], 50000);
        test::put16(&expected[2], 9000);
        expected = with_checksum(expected);
        // All that is needed is the header, and the length.
        Bytes header(packet.begin(), packet.begin() + kSctpHeader);
        const PortPair ports{Be16::from_host(50000), Be16::from_host(9000)};
        rewrite_sctp(header.data(), size, ports);
        EXPECT_EQ(header, Bytes(expected.begin(), expected.begin() + kSctpHeader));

        packet[8] ^= 1;
        rewrite_sctp(packet.data(), size, ports);
        EXPECT_NE(packet, with_checksum(packet)) << "what was wrong stays wrong";
    }
}

}  // namespace
}  // namespace usher
