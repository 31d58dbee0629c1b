// SPDX-License-Identifier: BSD-3-Clause
// What the helper has to make of a whole text, said without segments: the reference for what it
// does piece by piece.
#pragma once

#include <string>
#include <vector>

#include "nat/ftp_scanner.hpp"

namespace usher::test {

struct ExpectedLine {
    std::string text;
    // Has a number, or several, that could have been the beginning of an address when the line was
    // cut there: those characters may differ.
    bool has_doubtful_numbers = false;
};

struct Expected {
    std::vector<ExpectedLine> lines;
    std::vector<FtpEndpoint> found;
};

Expected expected_of_commands(const std::string& text, const FtpParties& parties);
Expected expected_of_replies(const std::string& text, const FtpParties& parties);

// Throws Broken if `received` is not what was expected.
void compare(const Expected& expected, const std::string& received);

}  // namespace usher::test
