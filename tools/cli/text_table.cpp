// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cli/text_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace usher {

TextTable::TextTable(std::vector<std::string> titles) {
    for (std::string& title : titles) {
        right_.push_back(title[0] == '>');
        if (right_.back()) title.erase(0, 1);
    }
    rows_.push_back(std::move(titles));
}

void TextTable::add(std::vector<std::string> cells) {
    rows_.push_back(std::move(cells));
}

std::string TextTable::to_string() const {
    std::vector<std::size_t> widths(right_.size());
    for (const auto& row : rows_)
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    std::string out;
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string_view gap = i == 0 ? "" : "  ";
            line += right_[i] ? fmt::format("{}{:>{}}", gap, row[i], widths[i])
                              : fmt::format("{}{:<{}}", gap, row[i], widths[i]);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
    }
    return out;
}

}  // namespace usher
