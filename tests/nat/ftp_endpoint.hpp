// SPDX-License-Identifier: BSD-3-Clause
// One end of a simulated TCP connection: enough of RFC 9293 to send a text in segments of any cut,
// to send them again in other cuts, to put what arrives in order, and to acknowledge it, with SACK.
// What cannot happen between two ends that nobody stands between, throws.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace usher::test {

struct Broken : std::logic_error {
    using std::logic_error::logic_error;
};

struct Segment {
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgement = 0;
    std::uint8_t flags = 0;
    std::string text;
    // What it brought out of order: from, to.
    std::optional<std::pair<std::uint32_t, std::uint32_t>> sack;
};

class Endpoint {
  public:
    Endpoint(std::string text, std::uint32_t first) : text_(std::move(text)), first_(first) {}

    Segment syn(bool answers) const;
    // The next of the text, at most `size` bytes; the FIN when all of it is sent.
    std::optional<Segment> send_new(std::size_t size);
    // Something of what was sent, from anywhere.
    std::optional<Segment> send_again(std::size_t from, std::size_t size) const;
    // The first segment that is not acknowledged, as it was cut when it was sent.
    std::optional<Segment> send_first_again() const;
    // RFC 9293, 3.8.4: an old number, that something comes back.
    std::optional<Segment> keep_alive(bool with_byte) const;
    Segment acknowledge() const;

    void receive(const Segment& segment);

    std::size_t acknowledged() const { return acknowledged_; }
    bool waits() const { return acknowledged_ < sent_; }
    bool is_done() const { return acknowledged_ == end() && finished_; }
    const std::string& received() const { return received_; }

  private:
    std::size_t end() const { return text_.size() + 1; }  // the FIN counts
    Segment segment(std::size_t from, std::size_t to) const;
    void receive_acknowledgement(const Segment& segment);
    void receive_text(const Segment& segment);

    std::string text_;
    std::uint32_t first_;  // of the text
    std::size_t sent_ = 0;
    std::size_t acknowledged_ = 0;
    std::vector<std::size_t> cuts_{0};
    std::vector<bool> sacked_ = std::vector<bool>(end());

    std::optional<std::uint32_t> other_first_;
    std::string received_;
    std::map<std::size_t, char> early_;
    std::optional<std::size_t> early_fin_;
    bool finished_ = false;
};

}  // namespace usher::test
