// SPDX-License-Identifier: BSD-3-Clause
// A table for people: columns as wide as they need to be, numbers to the right. Pure.
#pragma once

#include <string>
#include <vector>

namespace usher {

class TextTable {
  public:
    // A title that begins with '>' is of a column of numbers.
    explicit TextTable(std::vector<std::string> titles);
    void add(std::vector<std::string> cells);  // as many as there are titles
    std::string to_string() const;

  private:
    std::vector<bool> right_;
    std::vector<std::vector<std::string>> rows_;  // the titles first
};

}  // namespace usher
