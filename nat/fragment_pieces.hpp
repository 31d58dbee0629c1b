// SPDX-License-Identifier: BSD-3-Clause
// Which bytes of a datagram its fragments have brought, kept as the fragments themselves: an exact
// duplicate is not an overlap (RFC 8200 section 4.5), and merged ranges could not tell them apart.
#pragma once

#include <array>
#include <cstdint>

namespace usher {

class FragmentPieces {
  public:
    static constexpr std::size_t kMost = 64;  // 65,535 bytes over links of 1,100 bytes and more

    enum class Fit : std::uint8_t { fits, duplicate, contradicts, too_many };

    // Bytes [begin, end) of the datagram's data, not empty; `more` follow them. Only what fits is
    // remembered.
    Fit add(std::uint16_t begin, std::uint16_t end, bool more);

    // Exactly these bytes were added, in one.
    bool has(std::uint16_t begin, std::uint16_t end, bool more) const;

    // Bytes of the datagram's data; 0: its last fragment has not come.
    std::uint16_t total() const { return total_; }
    bool is_complete() const { return total_ != 0 && received_ == total_; }

  private:
    struct Piece {
        std::uint16_t begin, end;
        friend bool operator==(const Piece&, const Piece&) = default;
    };

    bool agrees_on_total(std::uint16_t end, bool more) const;

    std::uint32_t received_ = 0;  // bytes
    std::uint16_t total_ = 0;     // bytes; 0: the last fragment has not come
    std::uint16_t count_ = 0;
    std::array<Piece, kMost> pieces_;  // by position
};

}  // namespace usher
