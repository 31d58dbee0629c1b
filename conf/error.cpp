// SPDX-License-Identifier: BSD-3-Clause
#include "conf/error.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>

namespace usher {

std::string ConfigError::to_string() const {
    if (at.line == 0) return fmt::format("{}: {}", file, message);
    return fmt::format("{}:{}:{}: {}", file, at.line, at.column, message);
}

std::vector<ConfigError> ConfigErrors::take_sorted() {
    std::stable_sort(errors_.begin(), errors_.end(), [](const auto& a, const auto& b) {
        return std::tie(a.at.line, a.at.column) < std::tie(b.at.line, b.at.column);
    });
    return std::move(errors_);
}

std::string to_string(const std::vector<ConfigError>& errors) {
    std::string text;
    for (const ConfigError& error : errors)
        text += error.to_string() + "\n";
    return text;
}

}  // namespace usher
