// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/worker_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "nat/headers.hpp"
#include "tests/fuzz/worker_world.hpp"
#include "tests/packets/packet_sums.hpp"

namespace usher::fuzz {

namespace {

constexpr std::size_t kMtu = 1500;
constexpr std::uint8_t kFinFlag = 0x01, kSynFlag = 0x02, kRstFlag = 0x04, kAckFlag = 0x10;

std::string hex(Bytes bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes.first(std::min<std::size_t>(bytes.size(), 160)))
        text += fmt::format("{:02x}", byte);
    return text;
}

bool ip_sum_is_right(Bytes ip, std::size_t header) {
    return test::complement(sum_words(ip.first(header))) == 0;
}

bool has_right_macs(Bytes frame, PortIndex port) {
    const std::array<std::uint8_t, 6> source{2, 0, 0, 0, 0, static_cast<std::uint8_t>(0xe0 + port)};
    return std::equal(source.begin(), source.end(), frame.begin() + 6) && frame[0] == 2 &&
           (frame[4] != 0 || frame[5] != 0);
}

// One packet and what it was made from.
class Check {
  public:
    Check(const Injected& in, PortIndex port, Bytes out, std::size_t mtu)
        : in_(in), port_(port), mtu_(mtu), before_frame_(in.frame), after_frame_(out) {}

    void all() {
        const auto before = view_of_frame(before_frame_);
        const auto after = view_of_frame(after_frame_);
        if (!before) fail("made from what is no packet");
        if (!after) fail("sent what is no packet");
        before_ = *before;
        after_ = *after;
        was_ = before_frame_.subspan(14, before_.total);
        is_ = after_frame_.subspan(14);
        frame();
        if (is_own_error() || is_own_reset())
            own_answer();
        else
            translated();
    }

  private:
    [[noreturn]] void fail(const char* what) const { found(what, before_frame_, after_frame_); }
    void require(bool condition, const char* what) const {
        if (!condition) fail(what);
    }

    void frame() const {
        require(after_.total == is_.size(), "the length is not the frame's");
        require(is_.size() <= mtu_, "longer than the way out");
        require(has_right_macs(after_frame_, port_), "the MAC addresses");
        require(after_.v4 == before_.v4, "of another family");
        require(!is_martian(after_.destination), "a martian destination");
        require(!is_martian(after_.source) || is_numbered_link(), "a martian source");
        require((port_ == kInside) == is_inside(after_.destination), "through the wrong port");
        if (port_ == kOutside)
            require(!is_inside(after_.source) || is_own(after_.source) || is_stray(),
                    "an inside address leaks");
    }

    // The error of a router whose link has addresses from 169.254/16.
    bool is_numbered_link() const {
        return before_.v4 && is_error(before_, was_) && after_.source == before_.source &&
               after_.source.v4().host() >> 16 == 0xa9fe;
    }

    // The answer of a one-packet service's server. (Of a later fragment, the protocol is a claim.)
    // With other = "kernel" also what a server sends of no connection, from inside TCP that opens
    // none and SCTP, and errors.
    bool is_stray() const {
        if (after_.source != before_.source || after_.destination != before_.destination ||
            in_.port != kInside)
            return false;
        const bool tcp = before_.protocol == kNumberTcp || before_.begin != 0;
        if (is_server(before_.source)) return in_.others || !tcp || before_.begin != 0;
        if (is_error(before_, was_)) return in_.others;
        const bool sctp = before_.protocol == kNumberSctp;
        return in_.others && is_inside(before_.source) && (sctp || (tcp && !opens_tcp()));
    }
    bool opens_tcp() const {
        constexpr int kOpening = kSynFlag | kRstFlag | kAckFlag;
        return before_.begin == 0 && before_.total >= before_.l4 + 14 &&
               (was_[before_.l4 + 13] & kOpening) == kSynFlag;
    }

    // --- answers of our own

    bool goes_back() const { return after_.destination == before_.source; }
    bool is_own_error() const {
        return goes_back() && is_error(after_, is_) && !is_error(before_, was_);
    }
    bool is_own_reset() const {
        return goes_back() && after_.source == before_.destination &&
               after_.protocol == kNumberTcp && before_.protocol == kNumberTcp &&
               before_.begin == 0 && after_.has_ports() && (is_[after_.l4 + 13] & kRstFlag) != 0 &&
               port_at(is_, after_.l4) == port_at(was_, before_.l4 + 2);
    }

    void own_answer() const {
        require(after_.ttl == 64, "an answer's TTL");
        require(!after_.fragment, "an answer in fragments");
        require(!after_.v4 || ip_sum_is_right(is_, after_.l4), "an answer's header checksum");
        require(deviation(after_, is_) == 0, "an answer's checksum");
        require(before_.begin == 0, "an answer to a later fragment");
        require(!before_.v4 || ip_sum_is_right(was_, before_.l4), "an answer to a damaged header");
        require(!is_martian(before_.source), "an answer to a martian");
        if (after_.protocol == kNumberTcp) {
            require((was_[before_.l4 + 13] & kRstFlag) == 0, "a reset for a reset");
            require(is_.size() == after_.l4 + 20, "a reset's length");
            return;
        }
        require(is_.size() <= (after_.v4 ? 576U : 1280U), "an error's length");
        const Bytes quote = is_.subspan(after_.l4 + 8);
        // Sums may differ, for an MSS that was clamped before.
        require(quote.size() <= was_.size(), "an error quotes too much");
        const std::size_t same = std::min<std::size_t>(quote.size(), before_.l4 + 8);
        require(std::equal(quote.begin(), quote.begin() + static_cast<long>(same), was_.begin()),
                "an error quotes something else");
        require(after_.source == before_.destination || is_own(after_.source),
                "an error from nobody");
    }

    // --- forwarded

    void translated() {
        require(after_.protocol == before_.protocol, "another protocol");
        require(before_.ttl > 1, "forwarded at its last hop");
        require(after_.ttl + 1 == before_.ttl, "not one hop less");
        require(after_.l4 == before_.l4, "another length of headers");
        network_header();
        if (before_.fragment) require(before_.total == after_.total, "a fragment's length");
        if (before_.begin != 0) return payload_from(before_.l4);
        if (is_error(before_, was_)) return error();
        addresses();
        if (before_.protocol == kNumberTcp) return tcp();
        require(before_.total == after_.total, "another length");
        if (before_.protocol == kNumberSctp) return sctp();
        require(deviation(before_, was_) == deviation(after_, is_), "the checksum");
        if (before_.protocol == kNumberUdp) {
            const bool had_sum = port_at(was_, before_.l4 + 6) != 0;
            require(had_sum == (port_at(is_, after_.l4 + 6) != 0), "a UDP checksum came or went");
            require(port_at(was_, before_.l4 + 4) == port_at(is_, after_.l4 + 4), "UDP's length");
        }
        payload_from(before_.l4 + 8);
    }

    void network_header() const {
        const std::size_t addresses = after_.v4 ? 12 : 8;
        const std::size_t behind = after_.v4 ? 20 : 40;
        for (std::size_t i = 0; i < after_.l4; ++i) {
            const bool may_change = (i >= addresses && i < behind) || i == (after_.v4 ? 8 : 7) ||
                                    (after_.v4 && (i == 10 || i == 11));
            const bool length = i == 2 || i == 3 || i == 4 || i == 5;
            if (may_change || (length && before_.total != after_.total)) continue;
            require(was_[i] == is_[i], "the network header");
        }
        if (after_.v4 && ip_sum_is_right(was_, before_.l4))
            require(ip_sum_is_right(is_, after_.l4), "the header checksum");
    }

    void addresses() const {
        const bool kept = after_.source == before_.source;
        if (port_ == kOutside)
            require(
                is_outside_name(after_.source) || is_stray() || (kept && !is_inside(after_.source)),
                "from nobody that the outside knows");
        else
            require(kept || is_own(after_.source) || is_outside_name(after_.source),
                    "from nobody that the inside knows");
    }

    void payload_from(std::size_t at) const {
        require(std::equal(was_.begin() + static_cast<long>(std::min(at, was_.size())), was_.end(),
                           is_.begin() + static_cast<long>(std::min(at, is_.size())), is_.end()),
                "the payload");
    }

    bool is_ftp() const {
        const auto either = [](Bytes ip, std::size_t l4) {
            return port_at(ip, l4) == 21 || port_at(ip, l4 + 2) == 21;
        };
        return either(was_, before_.l4) || either(is_, after_.l4);
    }

    void tcp() const {
        const Bytes old = was_.subspan(before_.l4), now = is_.subspan(after_.l4);
        require(old.size() >= 20 && now.size() >= 20, "TCP's header");
        require((old[12] >> 4) == (now[12] >> 4), "the length of TCP's header");
        if (is_ftp()) return ftp(old, now);
        require(old[13] == now[13], "TCP's flags");
        require(deviation(before_, was_) == deviation(after_, is_), "the checksum");
        require(before_.total == after_.total, "another length");
        const std::size_t header = (old[12] >> 4) * std::size_t{4};
        for (std::size_t i = 4; i < header; ++i) {
            const bool clamped = i >= 20 && (old[13] & kSynFlag) != 0;
            if (i == 16 || i == 17 || clamped) continue;
            require(old[i] == now[i], "TCP's header");
        }
        payload_from(before_.l4 + header);
    }

    // The numbers may shift, and a server's text may change and be cut at its end, with a FIN
    // behind it. A client's is only read.
    void ftp(Bytes old, Bytes now) const {
        if (deviation(before_, was_) == 0)
            require(deviation(after_, is_) == 0, "the checksum of FTP");
        require(((old[13] ^ now[13]) & ~kFinFlag) == 0, "FTP's flags");
        const std::size_t header = (old[12] >> 4) * std::size_t{4};
        for (std::size_t i = 14; i < std::min<std::size_t>(header, 20); ++i)
            require(i == 16 || i == 17 || old[i] == now[i], "FTP's header");
        const bool from_client = port_at(old, 2) == 21 && port_at(old, 0) != 21;
        if (!from_client) return;
        require(old[13] == now[13], "a client's flags");
        require(before_.total == after_.total, "the length of a client's text");
        require(std::equal(old.begin() + 4, old.begin() + 8, now.begin() + 4), "a client's number");
        payload_from(before_.l4 + header);
    }

    void sctp() const {
        const Bytes old = was_.subspan(before_.l4), now = is_.subspan(after_.l4);
        require(old.size() >= 12, "SCTP's header");
        payload_from(before_.l4 + 12);
        require(std::equal(old.begin() + 4, old.begin() + 8, now.begin() + 4), "SCTP's tag");
        if (!before_.fragment) require(is_sctp_right(old) == is_sctp_right(now), "SCTP's checksum");
        const bool same = std::equal(old.begin(), old.begin() + 4, now.begin());
        if (same) require(std::equal(old.begin(), old.begin() + 12, now.begin()), "SCTP's sum");
    }

    // Right when it came, or it would not have gone on; what it quotes is changed alike.
    void error() const {
        require(before_.total == after_.total, "an error's length");
        require(deviation(before_, was_) == 0, "an error passed with a wrong checksum");
        require(deviation(after_, is_) == 0, "the checksum of an error");
        require(std::equal(was_.begin() + static_cast<long>(before_.l4),
                           was_.begin() + static_cast<long>(before_.l4) + 2,
                           is_.begin() + static_cast<long>(after_.l4)),
                "an error's type");
        const Bytes quoted = was_.subspan(before_.l4 + 8), quotes = is_.subspan(after_.l4 + 8);
        const auto old = view_of(quoted, true), now = view_of(quotes, true);
        require(old && now, "a quote that cannot be read");
        require(now->source == after_.destination, "an error to somebody else");
        require(old->ttl == now->ttl && old->l4 == now->l4 && old->total == now->total,
                "a quoted header");
        if (old->v4)
            require(ip_sum_is_right(quoted, old->l4) && ip_sum_is_right(quotes, now->l4),
                    "a quoted header's checksum");
        if (!old->fragment && old->total <= quoted.size() && old->protocol != kNumberSctp)
            require(deviation(*old, quoted) == deviation(*now, quotes), "a quoted checksum");
        const bool kept = after_.source == before_.source;
        if (port_ == kOutside)
            require(
                is_outside_name(after_.source) || is_stray() || (kept && !is_inside(after_.source)),
                "an error from nobody that the outside knows");
        else
            require(kept || is_own(after_.source) || is_outside_name(after_.source) ||
                        is_inside(after_.source),
                    "an error from nobody that the inside knows");
    }

    const Injected& in_;
    const PortIndex port_;
    const std::size_t mtu_;
    const Bytes before_frame_, after_frame_;
    View before_, after_;
    Bytes was_, is_;  // the datagrams
};

}  // namespace

void found(const std::string& what) {
    std::fprintf(stderr, "found: %s\n", what.c_str());
    std::abort();
}

void found(const std::string& what, Bytes in, Bytes out) {
    found(fmt::format("{}\n  in:  {}\n  out: {}", what, hex(in), hex(out)));
}

void check_sent(const Injected& in, PortIndex port, Bytes out) {
    Check(in, port, out, kMtu).all();
}

bool Pieces::is_piece(const Injected* in, Bytes out) {
    const auto view = view_of_frame(out);
    if (!view || !view->v4 || !view->fragment) return false;
    const auto whole = in == nullptr ? std::nullopt : view_of_frame(in->frame);
    return !whole || whole->id != view->id || whole->begin != view->begin ||
           whole->total != view->total;
}

void Pieces::take(std::vector<Injected>& injected, PortIndex port, Bytes out) {
    const View view = *view_of_frame(out);
    const Bytes ip = out.subspan(14);
    if (view.total != ip.size() || ip.size() > kMtu) found("a piece's length", {}, out);
    if (!has_right_macs(out, port)) found("a piece's MAC addresses", {}, out);
    pieces_.push_back({view, port, Frame(out.begin(), out.end())});
    Injected* from = nullptr;
    unsigned candidates = 0;
    for (Injected& one : injected) {
        const auto whole = view_of_frame(one.frame);
        if (!whole || !whole->v4 || whole->id != view.id || whole->protocol != view.protocol)
            continue;
        ++candidates;
        from = &one;
    }
    if (candidates == 0) found("a piece of nothing", {}, out);
    if (!ip_sum_is_right(ip, view.l4)) found("a piece's checksum", from->frame, out);
    if (candidates == 1) {
        const Bytes whole = Bytes(from->frame).subspan(14);
        if (!ip_sum_is_right(whole, (whole[0] & 0x0fU) * std::size_t{4}))
            found("a piece of a damaged datagram", from->frame, out);
    }
    if (candidates == 1) put_together(*from, view);
}

// If all of them are there.
void Pieces::put_together(Injected& in, const View& last) {
    const View whole = *view_of_frame(in.frame);
    const auto payload = [](const Piece& piece) {
        return Bytes(piece.frame).subspan(14 + piece.view.l4);
    };
    Frame frame;
    std::size_t next = whole.begin;
    PortIndex port = 0;
    for (const Piece& piece : pieces_) {
        if (piece.view.id != last.id || piece.view.protocol != last.protocol) continue;
        if (piece.view.begin != next) return;  // some are waiting, and some gave way
        if (frame.empty())
            frame.assign(piece.frame.begin(),
                         piece.frame.begin() + 14 + static_cast<long>(piece.view.l4));
        const Bytes part = payload(piece);
        frame.insert(frame.end(), part.begin(), part.end());
        next += part.size();
        port = piece.port;
        const bool is_last = next - whole.begin == whole.total - whole.l4;
        if (piece.view.more != (!is_last || whole.more))
            found("more, or not", in.frame, piece.frame);
        if (is_last && ++in.sent > 1) found("sent twice", in.frame, frame);
    }
    if (next - whole.begin != whole.total - whole.l4) return;
    // The header of the whole.
    store(&frame[16], Be16::from_host(static_cast<std::uint16_t>(frame.size() - 14)));
    std::copy_n(&in.frame[20], 2, &frame[20]);
    store<std::uint16_t>(&frame[24], 0);
    store(&frame[24], test::complement(sum_words(Bytes(frame).subspan(14, whole.l4))));
    Check(in, port, frame, 0xffff).all();
}

}  // namespace usher::fuzz
