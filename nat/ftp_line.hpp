// SPDX-License-Identifier: BSD-3-Clause
// Lines out of a TCP stream that comes in pieces, in bounded memory: a line is kept up to kRoom
// bytes, what it has more is passed over.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace usher {

struct FtpLine {
    // Every line that announces a data connection has room: "EPRT", an IPv6 address and the longest
    // port are 66 bytes; before the numbers of a 227 there is room for a sentence.
    static constexpr std::size_t kRoom = 128;

    std::uint32_t at = 0;  // sequence number of its first byte
    std::uint8_t length = 0;
    bool passes_over = false;  // up to the line's end; what is kept is kept
    std::array<char, kRoom> bytes{};

    std::string_view text() const { return {bytes.data(), length}; }

    void begin(std::uint32_t sequence);
    // From somewhere within a line that is not known: nothing of it counts.
    void begin_within();
    // Only its first bytes have come after all.
    void cut(std::size_t kept) { length = static_cast<std::uint8_t>(kept); }

    struct Taken {
        std::size_t size;
        bool ends;
    };
    // Takes `fresh`, which follows what came before, up to the line's end.
    Taken take(std::span<const std::uint8_t> fresh);
};

}  // namespace usher
