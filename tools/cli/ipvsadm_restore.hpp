// SPDX-License-Identifier: BSD-3-Clause
// ipvsadm -R: a file of commands, one a line, to one batch that is applied whole or not at all.
// Blank lines and lines that begin with '#' are skipped; a line may begin with the word "ipvsadm".
#pragma once

#include <iosfwd>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "control/wire.hpp"
#include "tools/cli/address_text.hpp"
#include "tools/cli/invocation.hpp"

namespace usher {

enum class FirstStep { none, clear };  // clear: the batch begins by deleting every service

struct RestoreBatch {
    struct Origin {
        std::size_t line;  // from 1; 0 for a step that no line asked for
        IpvsCommand command;
    };
    Json commands = Json::array();
    std::vector<Origin> origins;  // of each command

    std::string explain(const Reply& refusal) const;  // "line 3: Service already exists"
};

// A line that is no command, or none that changes the table, is an error naming the line.
tl::expected<RestoreBatch, UsageError> read_restore(std::istream& in, const NameResolver& names,
                                                    FirstStep first);

// The words of a line, parted by blanks, tabs and CRs; there is no quoting.
std::vector<std::string> restore_words(const std::string& line);

}  // namespace usher
