// SPDX-License-Identifier: BSD-3-Clause
// How the bytes of one direction of a TCP connection are numbered on either side of us, when we
// change text in it that is not as long as what it replaces.
//
// On one reply: the server's bytes 1000 to 1011, "10,0,0,100", are passed on as "203,0,113,10":
// {at 1000, was 10, is 12, before 0}. The server's byte 1000 is the client's 1000, but its 1011 the
// client's 1013; the client's acknowledgement of 1013 is one of 1011.
//
// Inside of the text the numbers are paired one by one as far as both go. What the new text has
// more belongs to the byte after the old one, so any piece of the old stream, however it is cut, is
// a certain piece of the new one: a retransmission is translated as the first time. Only the last
// change is known in detail; what lies before it is moved by `before`, so the next change must wait
// until this one is acknowledged (docs/decisions/0006-ftp-control-text.md).
//
// Numbers wrap as TCP's do (RFC 9293, 3.4): all is right within 2^31 of `at`. The whole fits in 64
// bits, so that the worker of one direction publishes it to the other's by one store.
#pragma once

#include <algorithm>
#include <cstdint>

namespace usher {

// RFC 9293, 3.4: a comes after b.
constexpr std::int32_t sequence_distance(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(a - b);
}

struct SequenceShift {
    static constexpr std::int32_t kLimit = (1 << 23) - 1;  // of `before`, 24 bits

    std::uint32_t at = 0;     // the changed text's first byte, in the sender's numbers
    std::uint8_t was = 0;     // its length as sent, 0 to 15
    std::uint8_t is = 0;      // its length as passed on, 0 to 15; not 0 unless `was` is
    std::int32_t before = 0;  // what numbers before the text grow by

    std::int32_t after() const { return before + is - was; }
    bool is_none() const { return before == 0 && was == 0; }
    friend bool operator==(const SequenceShift&, const SequenceShift&) = default;

    static SequenceShift from_bits(std::uint64_t bits) {
        const auto high = static_cast<std::int32_t>(bits >> 32);
        return {static_cast<std::uint32_t>(bits), static_cast<std::uint8_t>(high & 15),
                static_cast<std::uint8_t>(high >> 4 & 15), high >> 8};
    }
    std::uint64_t bits() const {
        const auto high = static_cast<std::uint32_t>(before) << 8 | std::uint32_t{is} << 4 | was;
        return std::uint64_t{high} << 32 | at;
    }

    // The sender's number as the receiver knows it.
    std::uint32_t outward(std::uint32_t sequence) const {
        const std::int32_t from_text = sequence_distance(sequence, at);
        if (from_text <= 0) return moved(sequence, before);
        if (from_text <= was)
            return moved(at + static_cast<std::uint32_t>(std::min<std::int32_t>(from_text, is)),
                         before);
        return moved(sequence, after());
    }

    // The receiver's acknowledgement (or the right edge of a SACK block) as the sender knows it.
    // Old bytes that were passed on as nothing count as acknowledged with what is before them.
    std::uint32_t inward(std::uint32_t acknowledged) const {
        const std::int32_t from_text = sequence_distance(moved(acknowledged, -before), at);
        if (from_text > 0 && from_text < is)
            return at + static_cast<std::uint32_t>(std::min<std::int32_t>(from_text, was));
        return moved(acknowledged, from_text <= 0 ? -before : -after());
    }

    // The left edge of a SACK block: rounded up, never to claim a byte that is not all there.
    std::uint32_t inward_left(std::uint32_t edge) const {
        const std::int32_t from_text = sequence_distance(moved(edge, -before), at);
        if (from_text <= std::min(was, is)) return moved(edge, -before);
        return from_text <= is ? at + was + 1U : moved(edge, -after());
    }

  private:
    static std::uint32_t moved(std::uint32_t number, std::int32_t by) {
        return number + static_cast<std::uint32_t>(by);
    }
};

}  // namespace usher
