// SPDX-License-Identifier: BSD-3-Clause
#include "tests/nat/ftp_endpoint.hpp"

#include <algorithm>

#include "nat/headers.hpp"
#include "nat/sequence_shift.hpp"

namespace usher::test {

Segment Endpoint::syn(bool answers) const {
    Segment segment = acknowledge();
    segment.sequence = first_ - 1;
    segment.flags = answers ? kSyn | kAck : kSyn;
    return segment;
}

Segment Endpoint::acknowledge() const {
    Segment segment;
    segment.sequence = first_ + static_cast<std::uint32_t>(sent_);
    segment.flags = kAck;
    segment.acknowledgement =
        other_first_.value_or(0) + static_cast<std::uint32_t>(received_.size()) + finished_;
    if (early_.empty()) return segment;
    const std::size_t from = early_.begin()->first;
    std::size_t to = from;
    while (early_.contains(to))
        ++to;
    segment.sack = {*other_first_ + static_cast<std::uint32_t>(from),
                    *other_first_ + static_cast<std::uint32_t>(to)};
    return segment;
}

Segment Endpoint::segment(std::size_t from, std::size_t to) const {
    Segment segment = acknowledge();
    segment.sequence = first_ + static_cast<std::uint32_t>(from);
    segment.text = text_.substr(from, std::min(to, text_.size()) - from);
    if (to == end()) segment.flags |= kFin;
    return segment;
}

std::optional<Segment> Endpoint::send_new(std::size_t size) {
    if (sent_ == end()) return std::nullopt;
    const std::size_t from = sent_;
    const std::size_t left = text_.size() - from;
    sent_ = left <= size ? end() : from + std::max<std::size_t>(size, 1);
    cuts_.push_back(sent_);
    return segment(from, sent_);
}

std::optional<Segment> Endpoint::send_again(std::size_t from, std::size_t size) const {
    if (sent_ == 0) return std::nullopt;
    from %= sent_;
    return segment(from, std::min(from + std::max<std::size_t>(size, 1), sent_));
}

std::optional<Segment> Endpoint::send_first_again() const {
    if (!waits()) return std::nullopt;
    std::size_t from = acknowledged_;
    while (from + 1 < sent_ && sacked_[from])
        ++from;
    return segment(from, *std::upper_bound(cuts_.begin(), cuts_.end(), from));
}

std::optional<Segment> Endpoint::keep_alive(bool with_byte) const {
    if (acknowledged_ == end()) return std::nullopt;
    Segment segment = acknowledge();
    segment.sequence = first_ + static_cast<std::uint32_t>(acknowledged_) - 1;
    if (with_byte) segment.text.push_back('2');
    return segment;
}

void Endpoint::receive(const Segment& segment) {
    if (segment.flags & kSyn) other_first_ = segment.sequence + 1;
    if (segment.flags & kAck) receive_acknowledgement(segment);
    if (!(segment.flags & kSyn)) receive_text(segment);
}

void Endpoint::receive_acknowledgement(const Segment& segment) {
    const std::int32_t number = sequence_distance(segment.acknowledgement, first_);
    if (number > static_cast<std::int32_t>(sent_)) throw Broken("acknowledges what was not sent");
    acknowledged_ = std::max<std::size_t>(acknowledged_, std::max(number, 0));
    if (!segment.sack) return;
    // An acknowledgement that was long under way may begin too early, among what is acknowledged.
    const std::int32_t from = std::max(sequence_distance(segment.sack->first, first_), 0);
    const std::int32_t to = sequence_distance(segment.sack->second, first_);
    if (to > static_cast<std::int32_t>(sent_)) throw Broken("SACK of what was not sent");
    for (std::int32_t at = from; at < to; ++at)
        sacked_[static_cast<std::size_t>(at)] = true;
}

void Endpoint::receive_text(const Segment& segment) {
    if (!other_first_) throw Broken("text before a SYN");
    const std::int32_t at = sequence_distance(segment.sequence, *other_first_);
    for (std::size_t i = 0; i < segment.text.size(); ++i) {
        const std::int32_t place = at + static_cast<std::int32_t>(i);
        if (place < static_cast<std::int32_t>(received_.size())) continue;
        const auto [known, fresh] =
            early_.emplace(static_cast<std::size_t>(place), segment.text[i]);
        if (!fresh && known->second != segment.text[i]) throw Broken("says two things");
    }
    if (segment.flags & kFin) {
        const std::size_t fin = static_cast<std::size_t>(at) + segment.text.size();
        if (early_fin_ && *early_fin_ != fin) throw Broken("two ends");
        early_fin_ = fin;
    }
    for (auto next = early_.find(received_.size()); next != early_.end();
         next = early_.find(received_.size())) {
        received_ += next->second;
        early_.erase(next);
    }
    if (early_fin_ && *early_fin_ < received_.size()) throw Broken("text after the end");
    finished_ = early_fin_ && *early_fin_ == received_.size();
}

}  // namespace usher::test
