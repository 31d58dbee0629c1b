// SPDX-License-Identifier: BSD-3-Clause
#include "nat/fragment_pieces.hpp"

#include <algorithm>

namespace usher {

// The last fragment ends the datagram; all others end before that.
bool FragmentPieces::agrees_on_total(std::uint16_t end, bool more) const {
    if (more) return total_ == 0 || end < total_;
    return total_ == 0 ? count_ == 0 || pieces_[count_ - 1].end < end : total_ == end;
}

FragmentPieces::Fit FragmentPieces::add(std::uint16_t begin, std::uint16_t end, bool more) {
    if (!agrees_on_total(end, more)) return Fit::contradicts;
    const Piece piece{begin, end};
    Piece* const last = pieces_.data() + count_;
    Piece* at = last;  // where it belongs; mostly behind all others
    while (at != pieces_.data() && at[-1].begin >= begin)
        --at;
    if (at != last && *at == piece) return Fit::duplicate;
    if (at != last && at->begin < end) return Fit::contradicts;
    if (at != pieces_.data() && at[-1].end > begin) return Fit::contradicts;
    if (count_ == kMost) return Fit::too_many;

    std::copy_backward(at, last, last + 1);
    *at = piece;
    ++count_;
    received_ += static_cast<std::uint32_t>(end - begin);
    if (!more) total_ = end;
    return Fit::fits;
}

bool FragmentPieces::has(std::uint16_t begin, std::uint16_t end, bool more) const {
    const Piece* const last = pieces_.data() + count_;
    return agrees_on_total(end, more) && std::find(pieces_.data(), last, Piece{begin, end}) != last;
}

}  // namespace usher
