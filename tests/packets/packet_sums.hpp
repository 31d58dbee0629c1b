// SPDX-License-Identifier: BSD-3-Clause
// Checksums from nothing, and the numbers that both directions of packet_text.hpp share.
#pragma once

#include <array>

#include "nat/address.hpp"
#include "nat/checksum.hpp"
#include "nat/headers.hpp"

namespace usher::test {

inline constexpr std::uint8_t kIcmp4 = 1, kTcp = 6, kUdp = 17, kIcmp6 = 58, kSctp = 132;

inline constexpr std::uint16_t kEtherTypeVlan = 0x8100;
inline constexpr std::pair<char, std::uint8_t> kFlags[] = {
    {'S', kSyn}, {'F', kFin}, {'R', kRst}, {'P', 0x08}, {'A', kAck}};

// What `unknown` and `options` stand for: an experimental option, and IPv4's router alert.
inline constexpr std::uint8_t kUnknownOption = 254;
inline constexpr std::array<std::uint8_t, 4> kIpv4Options{0x94, 4, 0, 0};

inline std::uint16_t complement(std::uint32_t sum) {
    return static_cast<std::uint16_t>(~sum);
}

// RFC 793 section 3.1 and RFC 8200 section 8.1: for lengths below 2^16 the same sum.
inline std::uint32_t pseudo_sum(const IpAddress& source, const IpAddress& destination,
                                std::uint8_t protocol, std::size_t length) {
    const std::size_t size = source.is_ipv4() ? 4 : 16;
    std::uint32_t sum = sum_words({source.bytes().data(), size});
    sum = sum_words({destination.bytes().data(), size}, sum);
    const Be16 tail[] = {Be16::from_host(protocol),
                         Be16::from_host(static_cast<std::uint16_t>(length))};
    return sum_words({reinterpret_cast<const std::uint8_t*>(tail), sizeof tail}, sum);
}

// RFC 9260 appendix A, bit by bit: CRC32c with the field itself as zero, its lowest byte first.
inline std::uint32_t sctp_sum(std::span<const std::uint8_t> packet) {
    std::uint32_t crc = 0xffffffff;
    for (std::size_t i = 0; i < packet.size(); ++i) {
        crc ^= i >= 8 && i < 12 ? 0U : packet[i];
        for (int bit = 0; bit < 8; ++bit)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0U);
    }
    return ~crc;
}

}  // namespace usher::test
