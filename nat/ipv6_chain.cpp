// SPDX-License-Identifier: BSD-3-Clause
#include "nat/ipv6_chain.hpp"

#include "nat/headers.hpp"

namespace usher {

namespace {

enum Next : std::uint8_t { kHopByHop = 0, kRouting = 43, kFragment = 44, kDestination = 60 };
constexpr int kMostHeaders = 8;
constexpr std::size_t kUnit = 8;  // of lengths; the fragment header is one
constexpr std::uint16_t kOffsetMask = 0xfff8;

}  // namespace

Ipv6Chain read_chain(std::span<const std::uint8_t> datagram) {
    Ipv6Chain chain;
    std::uint8_t next = datagram[ipv6::kNextHeader];
    std::size_t at = ipv6::kHeader;
    for (int seen = 0; seen <= kMostHeaders; ++seen) {
        const bool is_extension =
            next == kHopByHop || next == kRouting || next == kDestination || next == kFragment;
        if (!is_extension) {
            chain.protocol = next;
            chain.end = static_cast<std::uint16_t>(at);
            chain.complete = true;
            return chain;
        }
        if (datagram.size() - at < kUnit) return chain;
        const std::uint8_t* header = datagram.data() + at;
        std::size_t length = kUnit * (header[1] + std::size_t{1});
        if (next == kHopByHop && seen != 0) return chain;  // only first
        if (next == kFragment) {
            if (chain.fragment != 0) return chain;
            chain.fragment = static_cast<std::uint16_t>(at);
            length = kUnit;
            if (load<Be16>(header + 2).host() & kOffsetMask) {  // data follows, no header
                chain.protocol = header[0];
                chain.end = static_cast<std::uint16_t>(at + kUnit);
                chain.complete = true;
                return chain;
            }
        }
        if (next == kRouting && header[3] != 0) return chain;
        if (length > datagram.size() - at) return chain;
        next = header[0];
        at += length;
    }
    return chain;
}

}  // namespace usher
