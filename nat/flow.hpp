// SPDX-License-Identifier: BSD-3-Clause
// A flow: the addresses and ports of one direction, as they stand in its packets. The protocol is
// kept beside it. All fields are in network byte order.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "nat/address.hpp"

namespace usher {

template <Family F>
struct WireAddress;
template <>
struct WireAddress<Family::ipv4> {
    using type = Be32;
};
template <>
struct WireAddress<Family::ipv6> {
    using type = std::array<std::uint8_t, 16>;
};

template <Family F>
using AddressOf = typename WireAddress<F>::type;

// Of an IpAddress of this family.
template <Family F>
AddressOf<F> wire_address(const IpAddress& address) {
    if constexpr (F == Family::ipv4)
        return address.v4();
    else
        return address.bytes();
}

template <Family F>
struct Flow {
    using Address = AddressOf<F>;
    Address source{};
    Address destination{};
    Be16 source_port;
    Be16 destination_port;

    Flow reversed() const { return {destination, source, destination_port, source_port}; }
    // As bytes, which there are no others of: of IPv4 two comparisons and no branch between.
    friend bool operator==(const Flow& a, const Flow& b) {
        return std::memcmp(&a, &b, sizeof a) == 0;
    }
};

using Flow4 = Flow<Family::ipv4>;
using Flow6 = Flow<Family::ipv6>;
static_assert(sizeof(Flow4) == 12 && sizeof(Flow6) == 36);
static_assert(std::has_unique_object_representations_v<Flow4> &&
              std::has_unique_object_representations_v<Flow6>);

// The secret of the hash, drawn at start: without it nobody can aim many flows at one bucket.
struct HashSeed {
    std::uint64_t first;
    std::uint64_t second;
    std::uint64_t third;
};

// The 128-bit product folded to 64 bits. Unlike a CRC it is not linear, so which keys collide
// depends on the seed.
inline std::uint64_t fold_multiply(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

template <Family F>
std::uint64_t flow_hash(const Flow<F>& flow, std::uint8_t protocol, const HashSeed& seed) {
    std::uint32_t ports;
    std::memcpy(&ports, &flow.source_port, 4);  // both
    const std::uint64_t tail = ports | std::uint64_t{protocol} << 32;
    if constexpr (F == Family::ipv4) {
        const std::uint64_t addresses =
            std::uint64_t{flow.source.raw()} | std::uint64_t{flow.destination.raw()} << 32;
        return fold_multiply(fold_multiply(addresses ^ seed.first, tail ^ seed.second) ^ addresses,
                             seed.third);
    } else {
        std::array<std::uint64_t, 4> words;
        std::memcpy(&words[0], flow.source.data(), 16);
        std::memcpy(&words[2], flow.destination.data(), 16);
        const std::uint64_t a = fold_multiply(words[0] ^ seed.first, words[1] ^ seed.second);
        const std::uint64_t b = fold_multiply(words[2] ^ seed.second, words[3] ^ seed.third);
        return fold_multiply(a ^ tail ^ seed.third, b ^ seed.first);
    }
}

}  // namespace usher
