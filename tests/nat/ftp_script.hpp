// SPDX-License-Identifier: BSD-3-Clause
// What is said on a simulated control connection, by a stream of choices.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace usher::test {

// Bytes that decide; when they are used up, zeros.
class Choices {
  public:
    explicit Choices(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
    std::uint8_t next() { return at_ < bytes_.size() ? bytes_[at_++] : std::uint8_t{0}; }
    unsigned below(unsigned limit) { return next() % limit; }
    std::uint32_t word();
    bool is_used_up() const { return at_ >= bytes_.size(); }

  private:
    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
};

// Up to a dozen lines; some are announcements, some look like it, some are no text at all.
std::string command_script(Choices& choices);
std::string reply_script(Choices& choices);

}  // namespace usher::test
