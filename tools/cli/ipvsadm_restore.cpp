// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cli/ipvsadm_restore.hpp"

#include <fmt/format.h>

#include <istream>
#include <optional>
#include <utility>

#include "tools/cli/ipvsadm.hpp"
#include "tools/cli/ipvsadm_grammar.hpp"
#include "tools/cli/ipvsadm_messages.hpp"

namespace usher {
namespace {

void push(RestoreBatch& batch, std::size_t line, const Invocation& call) {
    batch.commands.push_back(change_request(call));
    batch.origins.push_back({line, call.command});
}

// What a line asks for; an error without the line's number.
tl::expected<Invocation, UsageError> parse_line(const std::vector<std::string>& words,
                                                const NameResolver& names) {
    auto call = parse_ipvsadm("ipvsadm", words, names);
    if (!call && call.error().try_help)
        return tl::unexpected(
            UsageError{"a command such as -A or -a must come first", call.error().exit_code});
    if (!call) return call;
    const bool changes = call->command != IpvsCommand::zero && !change_request(*call).is_null();
    if (!changes)
        return tl::unexpected(UsageError{"only -A -E -D -C -a -e -d and --set can be restored"});
    return call;
}

}  // namespace

std::vector<std::string> restore_words(const std::string& line) {
    constexpr const char* kBlanks = " \t\r\n";
    std::vector<std::string> words;
    std::size_t start = line.find_first_not_of(kBlanks);
    while (start != std::string::npos) {
        const std::size_t end = line.find_first_of(kBlanks, start);
        words.push_back(line.substr(start, end - start));
        start = line.find_first_not_of(kBlanks, end);
    }
    if (!words.empty() && words[0] == "ipvsadm") words.erase(words.begin());
    return words;
}

tl::expected<RestoreBatch, UsageError> read_restore(std::istream& in, const NameResolver& names,
                                                    FirstStep first) {
    RestoreBatch batch;
    Invocation clear;
    clear.command = IpvsCommand::flush;
    if (first == FirstStep::clear) push(batch, 0, clear);
    std::string line;
    for (std::size_t number = 1; std::getline(in, line); ++number) {
        const std::vector<std::string> words = restore_words(line);
        if (words.empty() || words[0][0] == '#') continue;
        auto call = parse_line(words, names);
        if (!call) {
            UsageError error = std::move(call.error());
            error.text = fmt::format("line {}: {}", number, error.text);
            return tl::unexpected(std::move(error));
        }
        push(batch, number, *call);
    }
    return batch;
}

std::string RestoreBatch::explain(const Reply& refusal) const {
    if (!refusal.index || *refusal.index >= origins.size()) return refusal.error.message;
    const Origin& origin = origins[*refusal.index];
    const std::string text = ipvsadm_message(origin.command, refusal.error);
    return origin.line == 0 ? text : fmt::format("line {}: {}", origin.line, text);
}

}  // namespace usher
