// SPDX-License-Identifier: BSD-3-Clause
// A list of rules of which the first that matches counts: fetched whole, changed here, sent whole.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/wire.hpp"
#include "tools/cli/native_session.hpp"

namespace usher {

template <class Rule>
struct RuleList {
    const char* what;  // "mark rule"
    const char* list_command;
    const char* set_command;
    const char* member;  // of set_command: the rules
    Result<std::vector<Rule>> (*read)(const Json& listing);

    std::optional<std::vector<Rule>> present(NativeSession& session) const {
        const auto result = session.fetch({{"command", list_command}});
        if (!result) return std::nullopt;
        auto rules = read(*result);
        if (rules) return *std::move(rules);
        session.refuse("usherd's answer: " + rules.error().message, kExitNoDaemon);
        return std::nullopt;
    }

    // Whether somebody has changed the rules since they were `before`; they then stay.
    bool is_overtaken(NativeSession& session, const std::vector<Rule>& before,
                      const std::vector<Rule>& after) const {
        return session.is_overtaken({{"command", set_command},
                                     {member, to_wire_array(after)},
                                     {"expected", to_wire_array(before)}});
    }

    // `position` is from 1; without one, behind the others. Tried again when it is overtaken.
    void add(NativeSession& session, const Result<Rule>& rule,
             std::optional<std::size_t> position) const {
        constexpr int kTries = 20;
        if (!rule) return session.refuse(rule.error().message, 2);
        for (int i = 0; i < kTries; ++i) {
            const auto before = present(session);
            if (!before) return;
            const std::size_t at = position.value_or(before->size() + 1);
            if (at < 1 || at > before->size() + 1)
                return session.refuse(fmt::format("--at: expected 1 to {}", before->size() + 1), 2);
            std::vector<Rule> after = *before;
            after.insert(after.begin() + static_cast<std::ptrdiff_t>(at - 1), *rule);
            if (!is_overtaken(session, *before, after)) return;
        }
        session.refuse(fmt::format("others change the {}s all the time; try again", what), 1);
    }

    // Not tried again: another rule may be there now.
    void remove(NativeSession& session, std::size_t position) const {
        const auto before = present(session);
        if (!before) return;
        if (position < 1 || position > before->size())
            return session.refuse(
                fmt::format("no {} {}; there are {}", what, position, before->size()), 1);
        std::vector<Rule> after = *before;
        after.erase(after.begin() + static_cast<std::ptrdiff_t>(position - 1));
        if (is_overtaken(session, *before, after))
            session.refuse(
                fmt::format("somebody has changed the {}s meanwhile; look at the list again", what),
                1);
    }

    void add_removals(CLI::App& noun, NativeSession& session) const {
        CLI::App& one = *noun.add_subcommand("delete", "delete one by its position");
        const auto position = std::make_shared<std::size_t>(0);
        one.add_option("POSITION", *position, "as in the list, from 1")->required();
        one.callback([*this, &session, position] { remove(session, *position); });
        noun.add_subcommand("clear", "delete them all")->callback([*this, &session] {
            session.run({{"command", set_command}, {member, Json::array()}});
        });
    }
};

}  // namespace usher
