// SPDX-License-Identifier: BSD-3-Clause
// usher vs, usher mark.
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "conf/endpoint.hpp"
#include "conf/rules.hpp"
#include "conf/vs_settings.hpp"
#include "conf/words.hpp"
#include "tools/cli/native_session.hpp"
#include "tools/cli/native_tables.hpp"
#include "tools/cli/rule_list.hpp"

namespace usher {
namespace {

struct VsWords {
    std::string name;
    std::uint64_t value = 0;

    // As sysctl knows it, too: "net.ipv4.vs.drop_entry".
    std::string plain_name() const {
        constexpr std::string_view kSysctl = "net.ipv4.vs.";
        return name.starts_with(kSysctl) ? name.substr(kSysctl.size()) : name;
    }
};

void get_vs(NativeSession& session, const std::string& name) {
    if (find_vs_setting(name) == nullptr)
        return session.refuse(unknown_vs_setting(name).message, 1);
    const auto result = session.fetch({{"command", "vs.list"}});
    if (!result) return;
    const auto rows = read_vs_rows(*result);
    if (!rows) return session.refuse("usherd's answer: " + rows.error().message, kExitNoDaemon);
    for (const VsRow& row : *rows)
        if (row.name == name) return session.print(fmt::format("{}\n", row.value));
    session.refuse(fmt::format("usherd has no setting \"{}\"", name), 1);
}

struct MarkWords {
    std::uint32_t mark = 0;
    std::string family;
    std::string protocol;
    std::string source;
    std::string destination;
    std::string source_ports;
    std::string destination_ports;
    std::string interface;
    std::optional<std::size_t> position;  // from 1
};

// The rule as the socket has it; the daemon's reader knows what is wrong with it.
Result<MarkRule> rule_of(const MarkWords& words) {
    Json json = {{"mark", words.mark}};
    const std::pair<const char*, const std::string&> members[] = {
        {"family", words.family},
        {"protocol", words.protocol},
        {"source", words.source},
        {"destination", words.destination},
        {"source_ports", words.source_ports},
        {"destination_ports", words.destination_ports},
        {"interface", words.interface}};
    for (const auto& [name, text] : members)
        if (!text.empty()) json[name] = text;
    return read_mark_rule(json);
}

constexpr RuleList<MarkRule> kRules{"mark rule", "marks.list", "marks.set", "marks",
                                    read_mark_rules};

void add_mark_add(CLI::App& noun, NativeSession& session) {
    CLI::App& add = *noun.add_subcommand("add", "add a rule, behind the others");
    const auto words = std::make_shared<MarkWords>();
    add.add_option("MARK", words->mark, "1 to 4294967295")->required();
    add.add_option("--protocol", words->protocol, "tcp, udp or sctp; default: every one");
    add.add_option("--source", words->source, "ADDRESS or NETWORK/LENGTH; default: any");
    add.add_option("--destination", words->destination, "the same");
    add.add_option("--source-ports", words->source_ports, "PORT or FIRST-LAST; default: all");
    add.add_option("--destination-ports", words->destination_ports, "the same");
    add.add_option("--interface", words->interface, "where the packet came in; default: any");
    add.add_option("--family", words->family, "ipv4 or ipv6, when no address tells it");
    add.add_option("--at", words->position, "its position; the first that matches wins");
    add.callback([&session, words] { kRules.add(session, rule_of(*words), words->position); });
}

}  // namespace

void add_vs_commands(CLI::App& app, NativeSession& session) {
    CLI::App& noun = *app.add_subcommand("vs", "IPVS's settings (net.ipv4.vs): show or change");
    const auto words = std::make_shared<VsWords>();
    noun.add_subcommand("list", "all, with values and what they do");
    CLI::App& get = *noun.add_subcommand("get", "the value of one");
    get.add_option("NAME", words->name)->required();
    CLI::App& set = *noun.add_subcommand("set", "change one");
    set.add_option("NAME", words->name)->required();
    set.add_option("VALUE", words->value)->required();
    noun.require_subcommand(0, 1);
    noun.callback([&session, words, &get, &set] {
        if (get.parsed()) return get_vs(session, words->plain_name());
        if (!set.parsed()) return session.run({{"command", "vs.list"}}, vs_table);
        session.run(
            {{"command", "vs.set"}, {"name", words->plain_name()}, {"value", words->value}});
    });
}

void add_mark_commands(CLI::App& app, NativeSession& session) {
    CLI::App& noun = *app.add_subcommand("mark", "rules that give packets a firewall mark");
    noun.require_subcommand(1);
    noun.add_subcommand("list", "one line a rule, in their order")->callback([&session] {
        session.run({{"command", "marks.list"}}, marks_table);
    });
    add_mark_add(noun, session);
    kRules.add_removals(noun, session);
}

}  // namespace usher
