// SPDX-License-Identifier: BSD-3-Clause
#include "nat/sctp.hpp"

#include <array>
#include <bit>

#include "nat/crc32c.hpp"
#include "nat/readdress.hpp"

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

template <Family F>
void rewrite_sctp(std::uint8_t* frame, const Headers& headers, const Flow<F>& answer) {
    std::uint8_t* ip = frame + kEthernetHeader;
    readdress<F>(ip, {answer.destination, answer.source});
    take_hop<F>(ip);
    std::uint8_t* l4 = frame + headers.l4;
    const PortPair ports{answer.destination_port, answer.source_port};
    if (load<Be16>(l4) == ports.source && load<Be16>(l4 + 2) == ports.destination) return;
    rewrite_sctp({l4, kEthernetHeader + std::size_t{headers.ip_length} - headers.l4}, ports);
}

template void rewrite_sctp(std::uint8_t*, const Headers&, const Flow4&);
template void rewrite_sctp(std::uint8_t*, const Headers&, const Flow6&);

}  // namespace usher
