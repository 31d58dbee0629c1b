// SPDX-License-Identifier: BSD-3-Clause
// One TOML table, read key by key. Each getter marks its key as known, reports a value of the wrong
// type or range with its position and what was expected, and returns the value only when it is
// good. unknown_keys() at the end reports what nobody asked for.
//
// Internal to conf/: the only header that shows toml++. Nothing here throws.
#pragma once

#include <toml++/toml.h>
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/error.hpp"
#include "conf/words.hpp"

namespace usher {

Position position_of(const toml::node& node);
std::string_view type_name(const toml::node& node);  // "a string", "an integer", ...

class TableReader {
  public:
    // `name` is the table as the operator writes it: "[[service]]", "[log]", "a server".
    // Both references must outlive the reader.
    TableReader(const toml::table& table, std::string_view name, ConfigErrors& errors)
        : table_(table), name_(name), errors_(errors) {}

    ConfigErrors& errors() const { return errors_; }
    Position position() const { return position_of(table_); }
    // Of the key's value; of the table when it has no such key.
    Position position(std::string_view key) const;
    bool has(std::string_view key) const { return table_.contains(key); }
    void fail(std::string_view key, std::string message) {
        errors_.add(position(key), std::move(message));
    }
    void missing(std::string_view what);  // "missing WHAT"
    // The key is known, but not one to suggest: unknown_keys() says nothing about it.
    void refuse(std::string_view key, std::string message) {
        refused_.push_back(key);
        fail(key, std::move(message));
    }
    std::vector<std::string_view> keys() const;  // all that the table has

    std::optional<std::string> text(std::string_view key);
    std::optional<std::uint32_t> integer(std::string_view key, std::uint32_t low,
                                         std::uint32_t high);
    // An integer, or a word that stands for `value`.
    std::optional<std::uint32_t> integer_or(std::string_view key, std::string_view word,
                                            std::uint32_t value, std::uint32_t low,
                                            std::uint32_t high);
    std::optional<bool> flag(std::string_view key);
    std::optional<IpAddress> address(std::string_view key);

    template <class T, std::size_t N>
    std::optional<T> word(std::string_view key, const std::array<Word<T>, N>& words) {
        const toml::node* node = find(key);
        return node == nullptr ? std::nullopt : word_in(key, *node, words);
    }

    // An array of words, each a bit or more; repeated words are an error.
    template <std::size_t N>
    std::optional<std::uint32_t> bits(std::string_view key,
                                      const std::array<Word<std::uint32_t>, N>& words) {
        std::uint32_t sum = 0;
        each_in_array(key, [&](const toml::node& node) {
            const auto bit = word_in(key, node, words);
            if (bit && (sum & *bit) != 0)
                errors_.add(position_of(node), std::string(key) + ": given twice");
            sum |= bit.value_or(0);
        });
        return has(key) ? std::optional(sum) : std::nullopt;
    }

    // Each element of an array under `key`; nothing when the key is absent or no array.
    void each_in_array(std::string_view key, const std::function<void(const toml::node&)>& visit) {
        each_in_array(key, "an array", visit);
    }
    // The same for an array of tables; an element that is none is reported.
    void each_table(std::string_view key, const std::function<void(const toml::table&)>& visit);
    // The table under `key`, if there is one.
    const toml::table* subtable(std::string_view key);

    std::optional<std::string> text_in(std::string_view key, const toml::node& node);
    std::optional<std::uint32_t> integer_in(std::string_view key, const toml::node& node,
                                            std::uint32_t low, std::uint32_t high);

    void unknown_keys();

  private:
    void each_in_array(std::string_view key, std::string_view expected,
                       const std::function<void(const toml::node&)>& visit);
    const toml::node* find(std::string_view key);
    void wrong_type(std::string_view key, std::string_view expected, const toml::node& node);

    template <class T, std::size_t N>
    std::optional<T> word_in(std::string_view key, const toml::node& node,
                             const std::array<Word<T>, N>& words) {
        std::array<std::string_view, N> choices;
        for (std::size_t i = 0; i < N; ++i)
            choices[i] = words[i].text;
        const auto chosen = choice_in(key, node, choices);
        return chosen ? std::optional(words[*chosen].value) : std::nullopt;
    }
    std::optional<std::size_t> choice_in(std::string_view key, const toml::node& node,
                                         std::span<const std::string_view> choices);

    const toml::table& table_;
    std::string_view name_;
    ConfigErrors& errors_;
    std::vector<std::string_view> known_;
    std::vector<std::string_view> refused_;
};

}  // namespace usher
