// SPDX-License-Identifier: BSD-3-Clause
#include "conf/toml_text.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

namespace usher {

std::string toml_string(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            quoted += '\\';
            quoted += c;
        } else if (byte < 0x20 || byte == 0x7f) {
            quoted += fmt::format("\\u{:04x}", byte);
        } else {
            quoted += c;
        }
    }
    return quoted + '"';
}

std::string toml_array(const std::vector<std::string>& values) {
    return fmt::format("[{}]", fmt::join(values, ", "));
}

std::string TomlPairs::lines() const {
    return pairs_.empty() ? "" : fmt::format("{}\n", fmt::join(pairs_, "\n"));
}

std::string TomlPairs::inlined() const {
    return fmt::format("{{ {} }}", fmt::join(pairs_, ", "));
}

}  // namespace usher
