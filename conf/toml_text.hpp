// SPDX-License-Identifier: BSD-3-Clause
// Values as TOML text. Internal to conf/.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conf/words.hpp"

namespace usher {

std::string toml_string(std::string_view text);  // quoted and escaped
std::string toml_array(const std::vector<std::string>& values);

// The words of the bits that are set; the first word of a bit counts.
template <std::size_t N>
std::string toml_bits(std::uint32_t bits, const std::array<Word<std::uint32_t>, N>& words) {
    std::vector<std::string> values;
    for (const auto& word : words) {
        if ((bits & word.value) != 0) values.push_back(toml_string(word.text));
        bits &= ~word.value;
    }
    return toml_array(values);
}

// "key = value" pairs of one table, in the order of adding.
class TomlPairs {
  public:
    void add(std::string_view key, std::string value) {
        pairs_.push_back(std::string(key) + " = " + std::move(value));
    }
    void add_text(std::string_view key, std::string_view text) { add(key, toml_string(text)); }
    // What has its default is left out.
    void add_number(std::string_view key, std::uint64_t value, std::uint64_t standard) {
        if (value != standard) add(key, std::to_string(value));
    }
    template <class T, std::size_t N>
    void add_word(std::string_view key, T value, T standard, const std::array<Word<T>, N>& words) {
        if (value != standard) add_text(key, word_of(words, value));
    }

    bool empty() const { return pairs_.empty(); }
    std::string lines() const;    // one a line
    std::string inlined() const;  // { key = value, ... }

  private:
    std::vector<std::string> pairs_;
};

}  // namespace usher
