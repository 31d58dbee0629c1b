// SPDX-License-Identifier: BSD-3-Clause
#include "nat/sctp.hpp"

#include <bit>

#include "nat/crc32c.hpp"
#include "nat/readdress.hpp"

namespace usher {

// The CRC lies in the packet with its lowest byte first, as the ports' bytes come into it.
void rewrite_sctp(std::uint8_t* header, std::size_t length, const PortPair& ports) {
    static_assert(std::endian::native == std::endian::little && sizeof(PortPair) == 4);
    const auto before = load<std::uint32_t>(header);
    store(header, ports);
    const std::uint32_t delta = before ^ load<std::uint32_t>(header);
    if (delta == 0) return;
    std::uint8_t* checksum = header + kSctpChecksum;
    store(checksum, load<std::uint32_t>(checksum) ^ crc32c_of_change(delta, length));
}

template <Family F>
void rewrite_sctp(std::uint8_t* frame, const Headers& headers, const Flow<F>& answer) {
    std::uint8_t* ip = frame + kEthernetHeader;
    readdress<F>(ip, {answer.destination, answer.source});
    take_hop<F>(ip);
    rewrite_sctp(frame + headers.l4, kEthernetHeader + std::size_t{headers.ip_length} - headers.l4,
                 {answer.destination_port, answer.source_port});
}

template void rewrite_sctp(std::uint8_t*, const Headers&, const Flow4&);
template void rewrite_sctp(std::uint8_t*, const Headers&, const Flow6&);

}  // namespace usher
