// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cli/option_scanner.hpp"

namespace usher {

const OptionSpec* OptionScanner::find_letter(char letter) const {
    for (const OptionSpec& spec : specs_)
        if (spec.letter != 0 && spec.letter == letter) return &spec;
    return nullptr;
}

const OptionSpec* OptionScanner::find_name(std::string_view name) const {
    for (const OptionSpec& spec : specs_)
        if (spec.name == name && !name.empty()) return &spec;
    return nullptr;
}

std::optional<ScannedOption> OptionScanner::fail(const std::string& word,
                                                 std::string_view problem) {
    error_ = word + ": " + std::string(problem);
    return std::nullopt;
}

std::optional<ScannedOption> OptionScanner::next() {
    if (!error_.empty()) return std::nullopt;
    if (!bundle_.empty()) return short_option();
    while (position_ < words_.size()) {
        const std::string& word = words_[position_++];
        if (options_ended_ || word.size() < 2 || word[0] != '-') {
            leftover_.push_back(word);
        } else if (word == "--") {
            options_ended_ = true;
        } else if (word[1] == '-') {
            return long_option(word);
        } else {
            bundle_ = word.substr(1);
            bundle_word_ = word;
            return short_option();
        }
    }
    return std::nullopt;
}

std::optional<ScannedOption> OptionScanner::long_option(const std::string& word) {
    const std::size_t equals = word.find('=');
    const OptionSpec* spec = find_name(std::string_view(word).substr(2, equals - 2));
    if (spec == nullptr) return fail(word, "unknown option");
    if (equals == std::string::npos) return with_next_word(*spec, word);
    if (spec->takes == Takes::nothing) return fail(word, "option does not take an argument");
    return ScannedOption{spec->id, word.substr(equals + 1), word};
}

std::optional<ScannedOption> OptionScanner::short_option() {
    const OptionSpec* spec = find_letter(bundle_[0]);
    if (spec == nullptr) return fail(bundle_word_, "unknown option");
    bundle_.erase(0, 1);
    if (spec->takes == Takes::nothing) {
        if (!bundle_.empty() && bundle_[0] == '=')
            return fail(bundle_word_, "option does not take an argument");
        return ScannedOption{spec->id, std::nullopt, bundle_word_};
    }
    if (bundle_.empty()) return with_next_word(*spec, bundle_word_);
    ScannedOption option{spec->id, bundle_.substr(bundle_[0] == '=' ? 1 : 0), bundle_word_};
    bundle_.clear();
    return option;
}

std::optional<ScannedOption> OptionScanner::with_next_word(const OptionSpec& spec,
                                                           const std::string& word) {
    ScannedOption option{spec.id, std::nullopt, word};
    if (spec.takes == Takes::nothing) return option;
    const bool there = !options_ended_ && position_ < words_.size();
    if (spec.takes == Takes::value) {
        if (!there) return fail(word, "missing argument");
        option.value = words_[position_++];
    } else if (there && (words_[position_].empty() || words_[position_][0] != '-')) {
        option.value = words_[position_++];
    }
    return option;
}

}  // namespace usher
