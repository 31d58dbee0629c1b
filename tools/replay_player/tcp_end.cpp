// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/tcp_end.hpp"

#include <utility>

namespace usher::replay {

namespace {

// Linux's: TCP_TIMEOUT_INIT, and TCP_RTO_MIN with what the clock's grain adds.
constexpr Micros kOpeningPatience = 1'000'000;
constexpr Micros kPatience = 208'000;
constexpr unsigned kOpeningAttempts = 6;  // tcp_syn_retries
constexpr unsigned kAnswerAttempts = 5;   // tcp_synack_retries
constexpr unsigned kAttempts = 15;

bool is_before(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(a - b) < 0;
}

}  // namespace

void TcpEnd::connect(Micros now) {
    end_ = first_ + 1;
    send_new(now);
}

void TcpEnd::accept(const Segment& syn, Micros now) {
    heard_ = true;
    expected_ = syn.sequence + 1;
    connect(now);
}

bool TcpEnd::write(unsigned bytes, Micros now) {
    if (is_gone_ || finishing_) return false;
    end_ += bytes;
    send_new(now);
    return true;
}

void TcpEnd::shut_down(Micros now) {
    if (is_gone_ || finishing_) return;
    finishing_ = true;
    ++end_;
    send_new(now);
}

void TcpEnd::abort() {
    if (is_gone_) return;
    Segment reset;
    reset.source = local_;
    reset.destination = remote_;
    reset.flags = kRst | kAck;
    reset.sequence = next_;
    reset.acknowledged = expected_;
    out.push_back(reset);
    end(Fault::none);
}

bool TcpEnd::has_ended() const {
    return is_gone_ || (finishing_ && peer_finished_ && unacknowledged_ == end_);
}

Fault TcpEnd::take_fault() {
    return std::exchange(fault_, Fault::none);
}

void TcpEnd::end(Fault fault) {
    fault_ = fault;
    is_gone_ = true;
    due_.reset();
}

void TcpEnd::send_new(Micros now) {
    const bool may = next_ == first_ || (opened_ && !recovering_);
    if (!may || next_ == end_) return;
    transmit(next_, end_);
    next_ = end_;
    if (due_) return;
    attempts_ = 0;
    patience_ = opened_ ? kPatience : kOpeningPatience;
    arm(now);
}

void TcpEnd::transmit(std::uint32_t from, std::uint32_t to) {
    Segment segment;
    segment.source = local_;
    segment.destination = remote_;
    segment.sequence = from;
    if (from == first_) segment.flags |= kSyn;
    if (finishing_ && to == end_) segment.flags |= kFin;
    segment.length = static_cast<std::uint16_t>(to - from - segment.has(kSyn) - segment.has(kFin));
    if (heard_) {
        segment.flags |= kAck;
        segment.acknowledged = expected_;
    }
    out.push_back(segment);
}

void TcpEnd::acknowledge() {
    Segment segment;
    segment.source = local_;
    segment.destination = remote_;
    segment.flags = kAck;
    segment.sequence = next_;
    segment.acknowledged = expected_;
    out.push_back(segment);
}

void TcpEnd::arm(Micros now) {
    due_ = now + patience_;
}

void TcpEnd::on_timer(Micros now) {
    if (!due_ || now < *due_) return;
    const unsigned most = opened_ ? kAttempts : heard_ ? kAnswerAttempts : kOpeningAttempts;
    if (++attempts_ > most) return end(Fault::timed_out);
    // The first is Linux's tail loss probe: the timeout proper is counted from there.
    const bool is_probe = opened_ && attempts_ == 1;
    recovering_ = opened_ && !is_probe;
    transmit(unacknowledged_, next_);
    if (!is_probe) patience_ *= 2;
    arm(now);
}

void TcpEnd::receive(const Segment& segment, Micros now) {
    if (is_gone_) {
        if (!segment.has(kRst)) out.push_back(reset_for(segment));
        return;
    }
    if (segment.has(kRst)) {
        if (!heard_ && segment.acknowledged == next_) return end(Fault::refused);
        if (heard_ && !is_before(segment.sequence, expected_)) end(Fault::reset);
        return;
    }
    if (!heard_) return answer_handshake(segment, now);
    if (segment.has(kSyn)) {
        // Once more the SYN that made this end, or one that cannot be: both are told what is.
        if (!opened_ && segment.sequence + 1 == expected_) return transmit(first_, next_);
        return acknowledge();
    }
    if (segment.has(kAck)) take_acknowledgement(segment.acknowledged, now);
    if (segment.sequence_length() > 0) take_payload(segment);
    send_new(now);
}

// In SYN-SENT: RFC 9293 section 3.10.7.3.
void TcpEnd::answer_handshake(const Segment& segment, Micros now) {
    if (!segment.has(kAck) || segment.acknowledged != next_) {
        out.push_back(reset_for(segment));
        return;
    }
    if (!segment.has(kSyn)) return;
    heard_ = true;
    expected_ = segment.sequence + 1;
    take_acknowledgement(segment.acknowledged, now);
    acknowledge();
    send_new(now);
}

void TcpEnd::take_acknowledgement(std::uint32_t acknowledged, Micros now) {
    if (!is_before(unacknowledged_, acknowledged) || is_before(next_, acknowledged)) return;
    unacknowledged_ = acknowledged;
    opened_ = true;
    recovering_ = false;
    attempts_ = 0;
    patience_ = kPatience;
    due_.reset();
    if (unacknowledged_ != next_) arm(now);
}

void TcpEnd::take_payload(const Segment& segment) {
    const std::uint32_t last = segment.sequence + segment.sequence_length();
    const bool is_new = !is_before(expected_, segment.sequence) && is_before(expected_, last);
    if (is_new && !peer_finished_) {
        unread_ += last - expected_ - segment.has(kFin);
        peer_finished_ = segment.has(kFin);
        expected_ = last;
    }
    acknowledge();
}

void TcpEnd::receive(const IcmpReport& report) {
    if (is_gone_ || opened_) return;  // an established connection carries on (RFC 5461)
    icmp_ = report;
    const bool is_port = report.family == Family::ipv4 ? report.type == 3 && report.code == 3
                                                       : report.type == 1 && report.code == 4;
    end(is_port ? Fault::refused : Fault::unreachable);
}

}  // namespace usher::replay
