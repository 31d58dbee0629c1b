// SPDX-License-Identifier: BSD-3-Clause
// usher masquerade.
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "conf/words.hpp"
#include "tools/cli/native_session.hpp"
#include "tools/cli/native_tables.hpp"

namespace usher {
namespace {

struct RuleWords {
    std::vector<std::string> inside;
    std::vector<std::string> outside;
    std::string ports;
    std::optional<std::size_t> position;  // from 1
};

// The rule as the socket has it; the daemon's reader knows what is wrong with it.
Result<MasqueradeRule> rule_of(const RuleWords& words) {
    Json json = {{"inside", words.inside}, {"outside", words.outside}};
    if (!words.ports.empty()) json["ports"] = words.ports;
    auto rules = read_masquerade_rules(Json::array({json}));
    if (!rules) return tl::unexpected<Error>(rules.error());
    return std::move(rules->front());
}

std::optional<std::vector<MasqueradeRule>> present_rules(NativeSession& session) {
    const auto result = session.fetch({{"command", "masquerade.list"}});
    if (!result) return std::nullopt;
    auto listing = read_masquerade_listing(*result);
    if (listing) return std::move(listing->rules);
    session.refuse("usherd's answer: " + listing.error().message, kExitNoDaemon);
    return std::nullopt;
}

void send_rules(NativeSession& session, const std::vector<MasqueradeRule>& rules) {
    session.run({{"command", "masquerade.set"}, {"rules", to_wire_array(rules)}});
}

void add_rule(NativeSession& session, const RuleWords& words) {
    auto rule = rule_of(words);
    if (!rule) return session.refuse(rule.error().message, 2);
    auto rules = present_rules(session);
    if (!rules) return;
    const std::size_t at = words.position.value_or(rules->size() + 1);
    if (at < 1 || at > rules->size() + 1)
        return session.refuse(fmt::format("--at: expected 1 to {}", rules->size() + 1), 2);
    rules->insert(rules->begin() + static_cast<std::ptrdiff_t>(at - 1), *std::move(rule));
    send_rules(session, *rules);
}

void delete_rule(NativeSession& session, std::size_t position) {
    auto rules = present_rules(session);
    if (!rules) return;
    if (position < 1 || position > rules->size())
        return session.refuse(
            fmt::format("no masquerade rule {}; there are {}", position, rules->size()), 1);
    rules->erase(rules->begin() + static_cast<std::ptrdiff_t>(position - 1));
    send_rules(session, *rules);
}

void add_add(CLI::App& noun, NativeSession& session) {
    CLI::App& add = *noun.add_subcommand("add", "add a rule, behind the others");
    const auto words = std::make_shared<RuleWords>();
    add.add_option("--inside", words->inside, "NETWORK/LENGTH or ADDRESS, by commas")
        ->required()
        ->delimiter(',');
    add.add_option("--outside", words->outside,
                   "ADDRESS or FIRST-LAST, by commas; default: the box's own on the way out")
        ->delimiter(',');
    add.add_option("--ports", words->ports, "FIRST-LAST; default: 61000-65535 of the box's own");
    add.add_option("--at", words->position, "its position; the first that matches wins");
    add.callback([&session, words] { add_rule(session, *words); });
}

void add_other(CLI::App& noun, NativeSession& session) {
    CLI::App& other = *noun.add_subcommand("other", "what happens to what is nobody's");
    const auto word = std::make_shared<std::string>();
    other.add_option("WORD", *word, "drop, or kernel: it may route it")->required();
    other.callback([&session, word] {
        session.run({{"command", "forwarding.set"}, {"other", *word}});
    });
}

}  // namespace

void add_masquerade_commands(CLI::App& app, NativeSession& session) {
    CLI::App& noun =
        *app.add_subcommand("masquerade", "what servers open themselves: show, change");
    noun.require_subcommand(1);
    noun.add_subcommand("list", "the rules in their order")->callback([&session] {
        session.run({{"command", "masquerade.list"}}, masquerade_table);
    });
    noun.add_subcommand("ports", "the outside addresses' ports in use")->callback([&session] {
        session.run({{"command", "masquerade.list"}}, outside_table);
    });
    add_add(noun, session);
    CLI::App& remove = *noun.add_subcommand("delete", "delete one by its position");
    const auto position = std::make_shared<std::size_t>(0);
    remove.add_option("POSITION", *position, "as in the list, from 1")->required();
    remove.callback([&session, position] { delete_rule(session, *position); });
    noun.add_subcommand("clear", "delete them all")->callback([&session] {
        send_rules(session, {});
    });
    add_other(noun, session);
}

}  // namespace usher
