// SPDX-License-Identifier: BSD-3-Clause
#include "nat/mss.hpp"

#include "nat/checksum.hpp"
#include "nat/headers.hpp"

namespace usher {

namespace {

enum Option : std::uint8_t { kEnd = 0, kNothing = 1, kMss = 2 };
constexpr std::size_t kMssLength = 4;

// Where the option's value is, from the segment's start; 0: there is none.
std::size_t mss_at(std::span<const std::uint8_t> segment) {
    const std::size_t end = static_cast<std::size_t>(segment[12] >> 4) * 4;
    for (std::size_t at = kTcpMinHeader; at < end && segment[at] != kEnd;) {
        if (segment[at] == kNothing) {
            ++at;
            continue;
        }
        if (end - at < 2) return 0;
        const std::size_t length = segment[at + 1];
        if (length < 2 || length > end - at) return 0;
        if (segment[at] == kMss) return length == kMssLength ? at + 2 : 0;
        at += length;
    }
    return 0;
}

}  // namespace

void clamp_mss(std::span<std::uint8_t> segment, std::uint16_t most) {
    const std::size_t at = mss_at(segment);
    if (at == 0) return;
    const auto before = load<Be16>(&segment[at]);
    if (before.host() <= most) return;
    const Be16 after = Be16::from_host(most);
    store(&segment[at], after);
    // At an odd place its bytes are of two words of the sum, each the other way round.
    const bool odd = at % 2 != 0;
    const auto word = [&](Be16 value) {
        return odd ? static_cast<std::uint16_t>(value.raw() << 8 | value.raw() >> 8) : value.raw();
    };
    std::uint8_t* sum = &segment[kTcpChecksum];
    store(sum, delta_of(word(before), word(after)).apply(load<std::uint16_t>(sum)));
}

}  // namespace usher
