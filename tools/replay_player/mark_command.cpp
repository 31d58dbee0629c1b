// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/mark_command.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "tools/replay_player/iptables_command.hpp"

namespace usher::replay {

namespace {

using iptables::Command;
using iptables::Verb;

// The others hold no marks that count.
bool flushes_marks(const Command& command) {
    return command.table == "mangle" && (command.chain.empty() || command.chain == "PREROUTING");
}

}  // namespace

Result<std::vector<MarkRule>> apply_mark_command(const std::string& text,
                                                 std::vector<MarkRule> rules) try {
    const Command command = iptables::parse(text);
    const std::vector<MarkRule> said = command.rules();
    switch (command.verb) {
        case Verb::append:
            rules.insert(rules.begin(), said.begin(), said.end());
            break;
        case Verb::insert:
            rules.insert(rules.end(), said.begin(), said.end());
            break;
        case Verb::remove:
            for (const MarkRule& rule : said)  // the first of the chain
                if (const auto at = std::find(rules.rbegin(), rules.rend(), rule);
                    at != rules.rend())
                    rules.erase(std::prev(at.base()));
            break;
        case Verb::flush:
            std::erase_if(rules, [&](const MarkRule& rule) {
                return flushes_marks(command) && rule.family == command.common.family;
            });
            break;
    }
    return rules;
} catch (const std::exception& problem) {
    return fail(Errc::invalid, "'" + text + "': " + problem.what());
}

}  // namespace usher::replay
