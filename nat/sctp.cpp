// SPDX-License-Identifier: BSD-3-Clause
#include "nat/sctp.hpp"

#include <array>
#include <bit>

#include "nat/crc32c.hpp"
#include "nat/headers.hpp"

namespace usher {

namespace {

// The field itself counts as zero. The CRC lies in the packet with its lowest byte first.
std::uint32_t checksum_of(std::span<const std::uint8_t> packet) {
    static_assert(std::endian::native == std::endian::little);
    constexpr std::array<std::uint8_t, 4> kZero{};
    const std::uint32_t ports = crc32c(packet.first(kSctpChecksum));
    return crc32c(packet.subspan(kSctpHeader), crc32c(kZero, ports));
}

}  // namespace

bool is_sctp_sound(std::span<const std::uint8_t> packet) {
    return load<std::uint32_t>(packet.data() + kSctpChecksum) == checksum_of(packet);
}

void rewrite_sctp(std::span<std::uint8_t> packet, const PortPair& ports) {
    store(packet.data(), ports);
    store(packet.data() + kSctpChecksum, checksum_of(packet));
}

}  // namespace usher
