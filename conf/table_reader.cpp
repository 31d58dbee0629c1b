// SPDX-License-Identifier: BSD-3-Clause
#include "conf/table_reader.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "conf/nearest.hpp"

namespace usher {
namespace {

std::string quoted_list(std::span<const std::string_view> words) {
    std::string list;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) list += i + 1 == words.size() ? " or " : ", ";
        list += fmt::format("\"{}\"", words[i]);
    }
    return list;
}

bool contains(const std::vector<std::string_view>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

Position position_of(const toml::node& node) {
    return {node.source().begin.line, node.source().begin.column};
}

std::string_view type_name(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::table:
            return "a table";
        case toml::node_type::array:
            return "an array";
        case toml::node_type::string:
            return "a string";
        case toml::node_type::integer:
            return "an integer";
        case toml::node_type::floating_point:
            return "a floating-point number";
        case toml::node_type::boolean:
            return "a boolean";
        case toml::node_type::date:
            return "a date";
        case toml::node_type::time:
            return "a time";
        case toml::node_type::date_time:
            return "a date and time";
        case toml::node_type::none:
            break;
    }
    return "nothing";
}

Position TableReader::position(std::string_view key) const {
    const toml::node* node = table_.get(key);
    return node != nullptr ? position_of(*node) : position();
}

void TableReader::missing(std::string_view what) {
    errors_.add(position(), fmt::format("missing {} in {}", what, name_));
}

const toml::node* TableReader::find(std::string_view key) {
    known_.push_back(key);
    return table_.get(key);
}

void TableReader::wrong_type(std::string_view key, std::string_view expected,
                             const toml::node& node) {
    errors_.add(position_of(node),
                fmt::format("{}: expected {}, found {}", key, expected, type_name(node)));
}

std::optional<std::string> TableReader::text(std::string_view key) {
    const toml::node* node = find(key);
    return node == nullptr ? std::nullopt : text_in(key, *node);
}

std::optional<std::uint32_t> TableReader::integer(std::string_view key, std::uint32_t low,
                                                  std::uint32_t high) {
    const toml::node* node = find(key);
    return node == nullptr ? std::nullopt : integer_in(key, *node, low, high);
}

std::optional<std::uint32_t> TableReader::integer_or(std::string_view key, std::string_view word,
                                                     std::uint32_t value, std::uint32_t low,
                                                     std::uint32_t high) {
    const toml::node* node = find(key);
    if (node == nullptr) return std::nullopt;
    const auto* text = node->as_string();
    if (text == nullptr) return integer_in(key, *node, low, high);
    if (text->get() == word) return value;
    fail(key, fmt::format("{}: expected an integer from {} to {} or \"{}\", found \"{}\"", key, low,
                          high, word, text->get()));
    return std::nullopt;
}

std::optional<bool> TableReader::flag(std::string_view key) {
    const toml::node* node = find(key);
    if (node == nullptr) return std::nullopt;
    const auto* value = node->as_boolean();
    if (value != nullptr) return value->get();
    wrong_type(key, "true or false", *node);
    return std::nullopt;
}

std::optional<IpAddress> TableReader::address(std::string_view key) {
    const auto written = text(key);
    if (!written) return std::nullopt;
    auto parsed = IpAddress::parse(*written);
    if (!parsed)
        fail(key, fmt::format("{}: expected an IPv4 or IPv6 address, found \"{}\"", key, *written));
    return parsed;
}

std::optional<std::string> TableReader::text_in(std::string_view key, const toml::node& node) {
    const auto* value = node.as_string();
    if (value == nullptr) {
        wrong_type(key, "a string", node);
        return std::nullopt;
    }
    return value->get();
}

std::optional<std::uint32_t> TableReader::integer_in(std::string_view key, const toml::node& node,
                                                     std::uint32_t low, std::uint32_t high) {
    const std::string expected = fmt::format("an integer from {} to {}", low, high);
    const auto* value = node.as_integer();
    if (value == nullptr) {
        wrong_type(key, expected, node);
        return std::nullopt;
    }
    if (value->get() < low || value->get() > high) {
        errors_.add(position_of(node),
                    fmt::format("{}: expected {}, found {}", key, expected, value->get()));
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(value->get());
}

std::optional<std::size_t> TableReader::choice_in(std::string_view key, const toml::node& node,
                                                  std::span<const std::string_view> choices) {
    const auto* value = node.as_string();
    if (value == nullptr) {
        wrong_type(key, quoted_list(choices), node);
        return std::nullopt;
    }
    for (std::size_t i = 0; i < choices.size(); ++i)
        if (choices[i] == value->get()) return i;
    errors_.add(position_of(node), fmt::format("{}: expected {}, found \"{}\"", key,
                                               quoted_list(choices), value->get()));
    return std::nullopt;
}

void TableReader::each_in_array(std::string_view key, std::string_view expected,
                                const std::function<void(const toml::node&)>& visit) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) return wrong_type(key, expected, *node);
    for (const toml::node& element : *array)
        visit(element);
}

void TableReader::each_table(std::string_view key,
                             const std::function<void(const toml::table&)>& visit) {
    each_in_array(key, "an array of tables", [&](const toml::node& element) {
        const toml::table* table = element.as_table();
        if (table == nullptr) return wrong_type(key, "a table", element);
        visit(*table);
    });
}

const toml::table* TableReader::subtable(std::string_view key) {
    const toml::node* node = find(key);
    if (node == nullptr) return nullptr;
    if (!node->is_table()) wrong_type(key, "a table", *node);
    return node->as_table();
}

std::vector<std::string_view> TableReader::keys() const {
    std::vector<std::string_view> names;
    for (const auto& [key, node] : table_)
        names.push_back(key.str());
    return names;
}

void TableReader::unknown_keys() {
    for (const auto& [key, node] : table_) {
        const std::string_view name = key.str();
        if (contains(known_, name) || contains(refused_, name)) continue;
        const std::string_view near = nearest(name, known_);
        const std::string hint = near.empty()
                                     ? fmt::format("expected one of {}", fmt::join(known_, ", "))
                                     : fmt::format("did you mean \"{}\"?", near);
        const auto begin = key.source().begin;
        errors_.add({begin.line, begin.column},
                    fmt::format("unknown key \"{}\" in {}: {}", name, name_, hint));
    }
}

}  // namespace usher
