// SPDX-License-Identifier: BSD-3-Clause
#include "nat/ftp_control.hpp"

#include <algorithm>
#include <optional>

namespace usher {
namespace {

std::atomic<bool>& side_of(FtpControl& control, Direction direction) {
    return direction == Direction::original ? control.commands.taken : control.replies.taken;
}

// Acquire: pairs with the release below, of the worker that had the side before.
bool take(std::atomic<bool>& taken) {
    return !taken.exchange(true, std::memory_order_acquire);
}
void give_back(std::atomic<bool>& taken) {
    taken.store(false, std::memory_order_release);
}

struct Acknowledged {
    explicit Acknowledged(const std::atomic<std::uint64_t>& word)
        : bits(word.load(std::memory_order_relaxed)) {}
    // Whether all before `sequence` is.
    bool reaches(std::uint32_t sequence) const {
        return (bits & FtpControl::kKnown) && sequence_distance(number(), sequence) >= 0;
    }
    std::uint32_t number() const { return static_cast<std::uint32_t>(bits); }

    std::uint64_t bits;
};

// The furthest counts, not the last: acknowledgements overtake each other, and one that has come
// through does not come again.
void note_acknowledgement(std::atomic<std::uint64_t>& word, const TcpSegment& segment) {
    const auto number = segment.acknowledgement();
    if (number && !Acknowledged(word).reaches(*number))
        word.store(FtpControl::kKnown | *number, std::memory_order_relaxed);
}

// Whether a segment is in sequence, so that what is fresh in it can be scanned. A stream is scanned
// in its order only: what comes too early comes again. But what the receiver acknowledged without
// our having seen it will not.
template <class Stream>
bool is_in_sequence(Stream& stream, const TcpSegment& segment, const Acknowledged& acknowledged) {
    if (stream.off) return true;
    const std::uint32_t first = segment.text_sequence();
    if (segment.text().empty() && !(segment.flags() & kFin)) return true;
    if (!stream.known) stream.join(first);
    if (sequence_distance(first, stream.next) <= 0) return true;
    if (!acknowledged.reaches(stream.next + 1)) return false;
    stream.resume(acknowledged.number());
    return sequence_distance(first, stream.next) <= 0;
}

// The part of a segment in sequence that was not scanned before.
std::span<const std::uint8_t> fresh_text(const FtpStream& stream, const TcpSegment& segment) {
    const std::span<const std::uint8_t> text = segment.text();
    const std::uint32_t old = stream.next - segment.text_sequence();
    if (stream.off || old >= text.size()) return {};
    return text.subspan(old);
}

FtpVerdict pass_command(FtpControl& control, TcpSegment segment, const FtpParties& parties,
                        FtpFindings& findings) {
    FtpStream& stream = control.commands.stream;
    // Acquire is not needed: the word is all that is read.
    segment.acknowledge_inward(
        SequenceShift::from_bits(control.replies.shift.load(std::memory_order_relaxed)));
    note_acknowledgement(control.commands.acknowledged, segment);
    if ((segment.flags() & kSyn) && !stream.known) stream.start(segment.text_sequence());
    if (!is_in_sequence(stream, segment, Acknowledged(control.replies.acknowledged)))
        return FtpVerdict::wait;
    scan_commands(stream, fresh_text(stream, segment), parties, findings);
    return FtpVerdict::forward;
}

// Where a segment's text and the changed one meet: what to put where.
struct Patch {
    std::size_t offset;
    std::size_t removed;
    std::size_t from;  // of our text
    std::size_t to;

    std::size_t inserted() const { return to - from; }
};

std::optional<Patch> patch_of(const SequenceShift& shift, std::uint32_t first, std::size_t size) {
    const std::int32_t begin = sequence_distance(first, shift.at);
    const std::int32_t end = begin + static_cast<std::int32_t>(size);
    if (shift.was == 0 || size == 0 || end <= 0 || begin > shift.was) return std::nullopt;
    const std::int32_t was = shift.was, is = shift.is;
    const std::int32_t inside = std::max(begin, 0);
    return Patch{static_cast<std::size_t>(inside - begin),
                 static_cast<std::size_t>(std::min(end, was) - inside),
                 static_cast<std::size_t>(std::min(inside, is)),
                 static_cast<std::size_t>(end > was ? is : std::min(end, is))};
}

// What does not fit with a longer text is cut off at the end, and comes again. False: nothing fits.
template <Family F>
bool fit(const Patch& patch, std::span<std::uint8_t> room, Headers& headers) {
    if (patch.inserted() <= patch.removed) return true;
    const std::size_t limit = std::min<std::size_t>(room.size(), kEthernetHeader + 0xffff);
    const std::size_t size = kEthernetHeader + headers.ip_length + patch.inserted() - patch.removed;
    if (size <= limit) return true;
    const std::size_t text = TcpSegment(room.data(), headers).text().size();
    if (size - limit >= text) return false;
    cut_text<F>(room, headers, text - (size - limit));
    return true;
}

// Puts our address in, if the segment has a part of the text that it replaces, and renumbers the
// segment. False: no room.
template <Family F>
bool pass_on(const SequenceShift& shift, const FtpParties& parties, std::span<std::uint8_t> room,
             Headers& headers) {
    TcpSegment segment(room.data(), headers);
    const std::uint32_t first = segment.text_sequence();
    std::uint32_t sequence = shift.outward(segment.sequence());
    auto patch = patch_of(shift, first, segment.text().size());
    if (patch && !fit<F>(*patch, room, headers)) return false;
    const std::size_t size = TcpSegment(room.data(), headers).text().size();
    patch = patch_of(shift, first, size);
    if (patch) {
        // A segment of which nothing is left repeats the byte before it, so that there is an answer
        // that acknowledges it: a sender with Nagle's algorithm waits for one.
        if (patch->inserted() == 0 && patch->removed == size) {
            --patch->from;
            --sequence;
        }
        const HostText ours(parties.virtual_address);
        replace_text<F>(room, headers, patch->offset, patch->removed,
                        ours.text().substr(patch->from, patch->inserted()));
    }
    if (sequence != segment.sequence()) segment.set_sequence(sequence);
    return true;
}

// Keeps the last change within reach of the numbers' comparison.
void follow(SequenceShift& shift, std::uint32_t sequence) {
    constexpr std::int32_t kFar = 1 << 30;
    if (!shift.is_none() && sequence_distance(sequence, shift.at) > kFar)
        shift = {sequence, 0, 0, shift.after()};
}

template <Family F>
FtpVerdict pass_reply(FtpControl& control, std::span<std::uint8_t> room, Headers& headers,
                      const FtpParties& parties, FtpFindings& findings) {
    FtpReplies& stream = control.replies.stream;
    const TcpSegment segment(room.data(), headers);
    note_acknowledgement(control.replies.acknowledged, segment);
    if ((segment.flags() & kSyn) && !stream.known) stream.start(segment.text_sequence());
    const Acknowledged acknowledged(control.commands.acknowledged);
    if (!is_in_sequence(stream, segment, acknowledged)) return FtpVerdict::wait;

    std::atomic<std::uint64_t>& word = control.replies.shift;
    const auto before = SequenceShift::from_bits(word.load(std::memory_order_relaxed));
    SequenceShift shift = before;
    follow(shift, segment.sequence());
    const bool may_change = shift.was == 0 || acknowledged.reaches(shift.at + shift.was + 1);
    const std::span<const std::uint8_t> fresh = fresh_text(stream, segment);
    const std::size_t scanned = scan_replies(stream, fresh, parties, may_change, shift, findings);
    // Before the segment leaves: the other worker meets its acknowledgement later.
    if (shift != before) word.store(shift.bits(), std::memory_order_relaxed);
    if (scanned < fresh.size()) {
        const std::size_t kept = segment.text().size() - (fresh.size() - scanned);
        if (kept == 0) return FtpVerdict::wait;
        cut_text<F>(room, headers, kept);
    }
    if (shift.is_none()) return FtpVerdict::forward;
    return pass_on<F>(shift, parties, room, headers) ? FtpVerdict::forward : FtpVerdict::wait;
}

}  // namespace

bool FtpControl::restart() {
    const FtpTurn command(*this, Direction::original);
    const FtpTurn reply(*this, Direction::reply);
    if (!command || !reply) return false;
    commands.acknowledged.store(0, std::memory_order_relaxed);
    commands.stream = {};
    replies.acknowledged.store(0, std::memory_order_relaxed);
    replies.shift.store(0, std::memory_order_relaxed);
    replies.stream = {};
    return true;
}

FtpTurn::FtpTurn(FtpControl& control, Direction direction)
    : control_(control), direction_(direction), holds_(take(side_of(control, direction))) {
    if (!holds_) return;
    if (direction_ == Direction::original) {
        static_cast<FtpStream&>(before_) = control_.commands.stream;
    } else {
        before_ = control_.replies.stream;
        shift_before_ = control_.replies.shift.load(std::memory_order_relaxed);
    }
}

FtpTurn::~FtpTurn() {
    if (holds_) give_back(side_of(control_, direction_));
}

template <Family F>
FtpVerdict FtpTurn::pass(std::span<std::uint8_t> room, Headers& headers, const FtpParties& parties,
                         FtpFindings& findings) {
    if (!holds_) return FtpVerdict::wait;
    return direction_ == Direction::original
               ? pass_command(control_, TcpSegment(room.data(), headers), parties, findings)
               : pass_reply<F>(control_, room, headers, parties, findings);
}

bool FtpTurn::changes_nothing() const {
    if (!holds_) return false;
    const std::uint64_t shift = control_.replies.shift.load(std::memory_order_relaxed);
    if (!SequenceShift::from_bits(shift).is_none()) return false;
    return direction_ == Direction::original ? control_.commands.stream.off
                                             : control_.replies.stream.off;
}

void FtpTurn::take_back() {
    if (!holds_) return;
    if (direction_ == Direction::original) {
        control_.commands.stream = before_;
    } else {
        control_.replies.stream = before_;
        control_.replies.shift.store(shift_before_, std::memory_order_relaxed);
    }
}

template <Family F>
FtpVerdict pass_ftp(FtpControl& control, Direction direction, std::span<std::uint8_t> room,
                    Headers& headers, const FtpParties& parties, FtpFindings& findings) {
    return FtpTurn(control, direction).pass<F>(room, headers, parties, findings);
}

template FtpVerdict FtpTurn::pass<Family::ipv4>(std::span<std::uint8_t>, Headers&,
                                                const FtpParties&, FtpFindings&);
template FtpVerdict FtpTurn::pass<Family::ipv6>(std::span<std::uint8_t>, Headers&,
                                                const FtpParties&, FtpFindings&);
template FtpVerdict pass_ftp<Family::ipv4>(FtpControl&, Direction, std::span<std::uint8_t>,
                                           Headers&, const FtpParties&, FtpFindings&);
template FtpVerdict pass_ftp<Family::ipv6>(FtpControl&, Direction, std::span<std::uint8_t>,
                                           Headers&, const FtpParties&, FtpFindings&);

}  // namespace usher
