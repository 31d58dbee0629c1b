// SPDX-License-Identifier: BSD-3-Clause
// Splits a command line as popt does for ipvsadm: short options may be bundled (-Lnt ADDRESS), a
// value may be glued (-p600, -p=600), follow '=' (--weight=2) or be the next word; no
// abbreviations; words that are no option are kept for later; "--" ends the options. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace usher {

enum class Takes { nothing, value, optional_value };

struct OptionSpec {
    int id;
    char letter;  // 0: none
    std::string_view name;
    Takes takes = Takes::nothing;
};

struct ScannedOption {
    int id = 0;
    std::optional<std::string> value;
    std::string word;  // the whole word it was found in, for messages
};

class OptionScanner {
  public:
    // Both spans must outlive the scanner. `words` is without the program's name.
    OptionScanner(std::span<const std::string> words, std::span<const OptionSpec> specs)
        : words_(words), specs_(specs) {}

    // The next option; nothing at the end, or after an error.
    std::optional<ScannedOption> next();

    const std::string& error() const { return error_; }  // "-s: missing argument"; empty: none
    std::vector<std::string>& leftover() { return leftover_; }

  private:
    const OptionSpec* find_letter(char letter) const;
    const OptionSpec* find_name(std::string_view name) const;
    std::optional<ScannedOption> fail(const std::string& word, std::string_view problem);
    std::optional<ScannedOption> long_option(const std::string& word);
    std::optional<ScannedOption> short_option();
    // Takes the next word as the value when the option wants one and there is one.
    std::optional<ScannedOption> with_next_word(const OptionSpec& spec, const std::string& word);

    std::span<const std::string> words_;
    std::span<const OptionSpec> specs_;
    std::size_t position_ = 0;  // of the next word
    std::string bundle_;        // letters of the current word that are still to come
    std::string bundle_word_;
    bool options_ended_ = false;
    std::string error_;
    std::vector<std::string> leftover_;
};

}  // namespace usher
