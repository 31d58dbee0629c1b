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
#include "tools/cli/rule_list.hpp"

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

Result<std::vector<MasqueradeRule>> rules_in(const Json& listing) {
    auto read = read_masquerade_listing(listing);
    if (!read) return tl::unexpected<Error>(read.error());
    return std::move(read->rules);
}

constexpr RuleList<MasqueradeRule> kRules{"masquerade rule", "masquerade.list", "masquerade.set",
                                          "rules", rules_in};

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
    add.callback([&session, words] { kRules.add(session, rule_of(*words), words->position); });
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
    kRules.add_removals(noun, session);
    add_other(noun, session);
}

}  // namespace usher
