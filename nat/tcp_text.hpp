// SPDX-License-Identifier: BSD-3-Clause
// Changing what a TCP segment says: its text, its numbers. Checksums are changed by the difference
// (RFC 1624), so a segment that came with a wrong one leaves with a wrong one. Frames are such as
// parse<F> accepted as TCP, whole in one buffer, with complete checksums (not the partial ones that
// some drivers hand over).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "nat/headers.hpp"
#include "nat/sequence_shift.hpp"

namespace usher {

// A view of the segment in a frame. Numbers are in host order.
class TcpSegment {
  public:
    TcpSegment(std::uint8_t* frame, const Headers& headers)
        : l4_(frame + headers.l4), size_(kEthernetHeader + headers.ip_length - headers.l4) {}

    std::uint8_t flags() const { return l4_[13]; }
    std::uint32_t sequence() const { return load<Be32>(l4_ + 4).host(); }
    std::optional<std::uint32_t> acknowledgement() const;
    // The number of its first byte of text: a SYN has one itself.
    std::uint32_t text_sequence() const { return sequence() + ((flags() & kSyn) != 0); }
    std::span<const std::uint8_t> text() const {
        return {l4_ + header_size(), size_ - header_size()};
    }

    void set_sequence(std::uint32_t sequence);
    // The acknowledgement and SACK blocks (RFC 2018) of a segment of the receiver of what `shift`
    // is about.
    void acknowledge_inward(const SequenceShift& shift);

  private:
    std::size_t header_size() const { return static_cast<std::size_t>(l4_[12] >> 4) * 4; }
    template <class Change>
    void change_header(Change change);

    std::uint8_t* l4_;
    std::size_t size_;
};

// Whether its checksum is right.
template <Family F>
bool is_tcp_sound(const std::uint8_t* frame, const Headers& headers);

// Puts `inserted` in the place of `removed` bytes of the text at `offset`; the IP header's length
// and both checksums follow, and headers.ip_length. `room` begins as the frame and goes on as far
// as the datagram may; it must hold the result.
template <Family F>
void replace_text(std::span<std::uint8_t> room, Headers& headers, std::size_t offset,
                  std::size_t removed, std::string_view inserted);

// Leaves only the first `kept` bytes of the text, so no FIN either: the sender, which will see no
// acknowledgement of the rest, sends it again.
template <Family F>
void cut_text(std::span<std::uint8_t> room, Headers& headers, std::size_t kept);

}  // namespace usher
