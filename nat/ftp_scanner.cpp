// SPDX-License-Identifier: BSD-3-Clause
#include "nat/ftp_scanner.hpp"

#include <algorithm>
#include <cstdlib>

namespace usher {
namespace {

// No line of FTP begins with such a byte; a TLS record and most of what is binary soon does. ESC
// begins a coloured greeting.
bool is_binary(std::uint8_t first) {
    constexpr std::uint8_t kEscape = 0x1b;
    return first < ' ' && first != '\r' && first != '\n' && first != '\t' && first != kEscape;
}

// Whether the stream is text so far; asked before the next piece of it is taken.
bool is_text(FtpStream& stream, std::uint8_t first) {
    const bool at_line_start = stream.line.length == 0 && !stream.line.passes_over;
    if (at_line_start && is_binary(first)) stream.off = true;
    return !stream.off;
}

// A data connection to a port below 1024 would be one to somebody's well-known service (RFC 2577,
// section 3); one to a third party is the bounce attack (section 2).
void admit(const FtpEndpoint& found, const FtpParties& parties, FtpFindings& findings) {
    constexpr std::uint16_t kFirstUnprivileged = 1024;
    const bool reachable = found.address.family() == parties.client.family() &&
                           (found.address == parties.client || parties.third_party);
    if (found.port < kFirstUnprivileged || (is_active(found.kind) && !reachable))
        findings.refuse();
    else
        findings.add(found);
}

// Scans one piece of the server's stream, up to the end of a line at most.
class ReplyScan {
  public:
    ReplyScan(FtpReplies& replies, const FtpParties& parties, bool may_change, SequenceShift& shift,
              FtpFindings& findings)
        : replies_(replies),
          parties_(parties),
          may_change_(may_change),
          shift_(shift),
          findings_(findings),
          ours_(parties.virtual_address) {}

    struct Scanned {
        std::size_t size;
        bool blocked;  // by an address that can be replaced only later
    };
    Scanned piece(std::span<const std::uint8_t> fresh) {
        const std::size_t had = replies_.line.length;
        const FtpLine::Taken taken = replies_.line.take(fresh);
        if (is_passive() && !replace_address()) {
            replies_.line.cut(replies_.address_offset);
            replies_.line.passes_over = false;
            return {replies_.address_offset - had, true};
        }
        greet(taken.ends);
        if (taken.ends) {
            find();
            end_line(replies_.next + static_cast<std::uint32_t>(taken.size));
        }
        return {taken.size, false};
    }

  private:
    static constexpr std::uint16_t kPassive = 227, kExtendedPassive = 229;
    static constexpr std::size_t kCodeLength = 4;  // with the space after it

    // The last line of a reply (RFC 959, 4.2), or its only one. Lines within another reply that
    // look like one are none.
    bool is_last_line(std::uint16_t code) const {
        return reply_code(replies_.line.text()) == code && replies_.line.text()[3] == ' ' &&
               (replies_.open_reply == 0 || replies_.open_reply == code);
    }
    bool is_passive() const { return parties_.client.is_ipv4() && is_last_line(kPassive); }

    // A server speaks first, and a reply.
    void greet(bool line_ends) {
        if (replies_.greeted || (replies_.line.length < kCodeLength && !line_ends)) return;
        replies_.greeted = true;
        if (reply_code(replies_.line.text()) == 0) replies_.off = true;
    }

    void find() {
        if (replies_.address == FtpReplies::Address::complete) {
            const HostPort match = match_host_port(rest());
            admit({FtpKind::passive, match.address(), match.port()}, parties_, findings_);
        } else if (is_last_line(kExtendedPassive)) {
            if (const auto found = parse_extended_passive(replies_.line.text()))
                admit(*found, parties_, findings_);
        }
    }

    void end_line(std::uint32_t next_line) {
        const std::uint16_t code = reply_code(replies_.line.text());
        if (code != 0) {
            const bool last = replies_.line.text()[3] == ' ';
            if (replies_.open_reply == 0 && !last) replies_.open_reply = code;
            if (replies_.open_reply == code && last) replies_.open_reply = 0;
        }
        replies_.line.begin(next_line);
        replies_.address = FtpReplies::Address::sought;
        replies_.address_offset = 0;
    }

    std::string_view rest() const { return replies_.line.text().substr(replies_.address_offset); }

    // Of what there is of a 227 line. False: an address begins at address_offset that cannot be
    // replaced now.
    bool replace_address() {
        using Verdict = HostPort::Verdict;
        while (replies_.address != FtpReplies::Address::complete) {
            if (replies_.address == FtpReplies::Address::sought && !seek()) return true;
            const HostPort match = match_host_port(rest());
            if (match.verdict == Verdict::no) {
                replies_.address = FtpReplies::Address::sought;
                ++replies_.address_offset;  // seek() passes the rest of the number over
                continue;
            }
            if (!replace(match)) return false;
            if (match.verdict == Verdict::unfinished) return true;
            replies_.address = FtpReplies::Address::complete;
        }
        return true;
    }

    // Puts address_offset on the next number where an address could be.
    bool seek() {
        constexpr std::size_t kLast = FtpLine::kRoom - kLongestHostPort - 1;
        constexpr auto kLongest = static_cast<std::int32_t>(kLongestHost);
        // After hundreds of thousands of replies: one more might not fit. They stay as they are.
        if (std::abs(shift_.after()) > SequenceShift::kLimit - kLongest) return false;
        const std::string_view text = replies_.line.text();
        const std::size_t from = std::max<std::size_t>(replies_.address_offset, kCodeLength);
        const std::size_t at = std::min(find_number(text, from), text.size());
        replies_.address_offset = static_cast<std::uint8_t>(at);
        return at < text.size() && at <= kLast;
    }

    // As much of the address as there is. Of one that may go on, as much of ours as is as long: if
    // it does not go on, the text keeps its length.
    bool replace(const HostPort& match) {
        const std::string_view ours = ours_.text();
        const std::string_view theirs = rest().substr(0, match.host_length);
        if (replies_.address == FtpReplies::Address::replaced) return true;
        if (replies_.address == FtpReplies::Address::sought) {
            if (match.host_whole && theirs == ours) {
                replies_.address = FtpReplies::Address::replaced;
                return true;
            }
            if (!may_change_) return false;
            may_change_ = false;
            shift_ = {replies_.line.at + replies_.address_offset, 0, 0, shift_.after()};
        }
        shift_.was = match.host_length;
        shift_.is = static_cast<std::uint8_t>(
            match.host_whole ? ours.size() : std::min(theirs.size(), ours.size()));
        replies_.address =
            match.host_whole ? FtpReplies::Address::replaced : FtpReplies::Address::begun;
        return true;
    }

    FtpReplies& replies_;
    const FtpParties& parties_;
    bool may_change_;
    SequenceShift& shift_;
    FtpFindings& findings_;
    HostText ours_;
};

}  // namespace

void FtpFindings::add(const FtpEndpoint& found) {
    if (count_ == kRoom)
        std::move(found_.begin() + 1, found_.end(), found_.begin());
    else
        ++count_;
    found_[count_ - 1U] = found;
}

void FtpStream::start(std::uint32_t sequence) {
    known = true;
    next = sequence;
    line.begin(sequence);
}

void FtpStream::join(std::uint32_t sequence) {
    start(sequence);
}

void FtpStream::resume(std::uint32_t sequence) {
    next = sequence;
    line.begin_within();
}

void FtpReplies::join(std::uint32_t sequence) {
    start(sequence);
    greeted = true;
}

void FtpReplies::resume(std::uint32_t sequence) {
    FtpStream::resume(sequence);
    greeted = true;
    open_reply = 0;
    address = Address::sought;
    address_offset = 0;
}

void scan_commands(FtpStream& stream, std::span<const std::uint8_t> fresh,
                   const FtpParties& parties, FtpFindings& findings) {
    while (!fresh.empty() && is_text(stream, fresh[0])) {
        const FtpLine::Taken taken = stream.line.take(fresh);
        stream.next += static_cast<std::uint32_t>(taken.size);
        fresh = fresh.subspan(taken.size);
        if (!taken.ends) break;
        if (!stream.line.passes_over)
            if (const auto found = parse_ftp_command(stream.line.text()))
                admit(*found, parties, findings);
        stream.line.begin(stream.next);
    }
    stream.next += static_cast<std::uint32_t>(fresh.size());
}

std::size_t scan_replies(FtpReplies& replies, std::span<const std::uint8_t> fresh,
                         const FtpParties& parties, bool may_change, SequenceShift& shift,
                         FtpFindings& findings) {
    const std::size_t all = fresh.size();
    ReplyScan scan(replies, parties, may_change, shift, findings);
    while (!fresh.empty() && is_text(replies, fresh[0])) {
        const auto piece = scan.piece(fresh);
        replies.next += static_cast<std::uint32_t>(piece.size);
        fresh = fresh.subspan(piece.size);
        if (piece.blocked) return all - fresh.size();
    }
    replies.next += static_cast<std::uint32_t>(fresh.size());
    return all;
}

}  // namespace usher
