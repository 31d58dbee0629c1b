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

    void send(NativeSession& session, const std::vector<Rule>& rules) const {
        session.run({{"command", set_command}, {member, to_wire_array(rules)}});
    }

    // `position` is from 1; without one, behind the others.
    void add(NativeSession& session, const Result<Rule>& rule,
             std::optional<std::size_t> position) const {
        if (!rule) return session.refuse(rule.error().message, 2);
        auto rules = present(session);
        if (!rules) return;
        const std::size_t at = position.value_or(rules->size() + 1);
        if (at < 1 || at > rules->size() + 1)
            return session.refuse(fmt::format("--at: expected 1 to {}", rules->size() + 1), 2);
        rules->insert(rules->begin() + static_cast<std::ptrdiff_t>(at - 1), *rule);
        send(session, *rules);
    }

    void remove(NativeSession& session, std::size_t position) const {
        auto rules = present(session);
        if (!rules) return;
        if (position < 1 || position > rules->size())
            return session.refuse(
                fmt::format("no {} {}; there are {}", what, position, rules->size()), 1);
        rules->erase(rules->begin() + static_cast<std::ptrdiff_t>(position - 1));
        send(session, *rules);
    }

    void add_removals(CLI::App& noun, NativeSession& session) const {
        CLI::App& one = *noun.add_subcommand("delete", "delete one by its position");
        const auto position = std::make_shared<std::size_t>(0);
        one.add_option("POSITION", *position, "as in the list, from 1")->required();
        one.callback([*this, &session, position] { remove(session, *position); });
        noun.add_subcommand("clear", "delete them all")->callback([*this, &session] {
            send(session, {});
        });
    }
};

}  // namespace usher
