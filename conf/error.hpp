// SPDX-License-Identifier: BSD-3-Clause
// Where in the configuration file something is, and what is wrong there.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace usher {

// Both count from 1, the column in characters. 0:0 is the file as a whole.
struct Position {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    friend bool operator==(const Position&, const Position&) = default;
};

struct ConfigError {
    std::string file;
    Position at;
    std::string message;  // what was expected, without a final newline

    // "FILE:LINE:COLUMN: message"; without line and column when the file as a whole is meant.
    std::string to_string() const;
};

// The mistakes of one file. All are collected, so that one run of `usherd --check` shows them; a
// file that is nonsense from end to end stops being reported after kMaxErrors.
class ConfigErrors {
  public:
    static constexpr std::size_t kMaxErrors = 1000;

    explicit ConfigErrors(std::string file) : file_(std::move(file)) {}

    void add(Position at, std::string message) {
        if (errors_.size() < kMaxErrors) errors_.push_back({file_, at, std::move(message)});
    }
    bool empty() const { return errors_.empty(); }
    std::size_t size() const { return errors_.size(); }
    std::vector<ConfigError> take_sorted();  // by position

  private:
    std::string file_;
    std::vector<ConfigError> errors_;
};

// One line an error, each ended by a newline.
std::string to_string(const std::vector<ConfigError>& errors);

}  // namespace usher
