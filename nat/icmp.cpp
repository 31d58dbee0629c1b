// SPDX-License-Identifier: BSD-3-Clause
#include "nat/icmp.hpp"

#include "nat/pseudo_header.hpp"
#include "nat/readdress.hpp"

namespace usher {

template <>
IcmpKind icmp_kind<Family::ipv4>(std::uint8_t type) {
    switch (type) {
        case 0:
            return IcmpKind::echo_reply;
        case 8:
            return IcmpKind::echo_request;
        case 3:   // destination unreachable
        case 4:   // source quench
        case 11:  // time exceeded
        case 12:  // parameter problem
            return IcmpKind::error;
        default:
            return IcmpKind::other;
    }
}

template <>
IcmpKind icmp_kind<Family::ipv6>(std::uint8_t type) {
    switch (type) {
        case 128:
            return IcmpKind::echo_request;
        case 129:
            return IcmpKind::echo_reply;
        case 1:  // destination unreachable
        case 2:  // packet too big
        case 3:  // time exceeded
        case 4:  // parameter problem
            return IcmpKind::error;
        default:
            return IcmpKind::other;
    }
}

template <Family F>
std::uint16_t icmp_checksum(std::span<const std::uint8_t> datagram, std::size_t l4) {
    const std::span<const std::uint8_t> message = datagram.subspan(l4);
    std::uint32_t start = 0;
    if constexpr (F == Family::ipv6)
        start = pseudo_sum<F>(datagram.data(), Protocol::icmpv6, message.size());
    return static_cast<std::uint16_t>(~sum_words(message, start));
}

template <Family F>
Flow<F> read_echo(std::span<const std::uint8_t> datagram, std::size_t l4) {
    const AddressPair<F> addresses = addresses_of<F>(datagram.data());
    const auto id = load<Be16>(datagram.data() + l4 + kIcmpId);
    return {addresses.source, addresses.destination, id, id};
}

template <Family F>
void set_echo_id(std::uint8_t* icmp, Be16 id, ChecksumDelta addresses) {
    ChecksumDelta delta = delta_of(load<Be16>(icmp + kIcmpId), id);
    if constexpr (F == Family::ipv6) delta = combine(delta, addresses);
    store(icmp + kIcmpId, id);
    store(icmp + kIcmpChecksum, delta.apply(load<std::uint16_t>(icmp + kIcmpChecksum)));
}

template <Family F>
void rewrite_echo(std::span<std::uint8_t> datagram, std::size_t l4, const Flow<F>& leaves) {
    const ChecksumDelta delta = readdress<F>(datagram.data(), {leaves.source, leaves.destination});
    set_echo_id<F>(datagram.data() + l4, leaves.source_port, delta);
    take_hop<F>(datagram.data());
}

template std::uint16_t icmp_checksum<Family::ipv4>(std::span<const std::uint8_t>, std::size_t);
template std::uint16_t icmp_checksum<Family::ipv6>(std::span<const std::uint8_t>, std::size_t);
template Flow4 read_echo<Family::ipv4>(std::span<const std::uint8_t>, std::size_t);
template Flow6 read_echo<Family::ipv6>(std::span<const std::uint8_t>, std::size_t);
template void set_echo_id<Family::ipv4>(std::uint8_t*, Be16, ChecksumDelta);
template void set_echo_id<Family::ipv6>(std::uint8_t*, Be16, ChecksumDelta);
template void rewrite_echo(std::span<std::uint8_t>, std::size_t, const Flow4&);
template void rewrite_echo(std::span<std::uint8_t>, std::size_t, const Flow6&);

}  // namespace usher
