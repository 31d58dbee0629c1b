// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/iptables_command.hpp"

#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>

#include "tools/replay_player/iptables_values.hpp"

namespace usher::replay::iptables {

namespace {

// One that takes a value, as iptables(8) and its multiport write it.
void take(Command& command, const std::string& option, const std::string& value) {
    const auto verb = [](Verb its) {
        return [its](Command& c, const std::string& v) {
            c.chain = v;
            c.verb = its;
        };
    };
    const auto source = [](Command& c, const std::string& v) { c.sources = list_of(v, prefix); };
    const auto destination = [](Command& c, const std::string& v) {
        c.destinations = list_of(v, prefix);
    };
    const auto from = [](Command& c, const std::string& v) { c.source_ports = list_of(v, ports); };
    const auto to = [](Command& c, const std::string& v) {
        c.destination_ports = list_of(v, ports);
    };
    const auto proto = [](Command& c, const std::string& v) { c.common.protocol = protocol(v); };
    const auto interface = [](Command& c, const std::string& v) { c.common.interface = v; };
    const auto value_of = [](Command& c, const std::string& v) { c.common.mark = mark(v); };
    const auto table = [](Command& c, const std::string& v) { c.table = v; };
    const auto target = [](Command&, const std::string& v) {
        if (v != "MARK") throw std::runtime_error("'" + v + "' is not known");
    };
    const auto match = [](Command&, const std::string&) {};  // its options say the rest
    static const std::map<std::string, std::function<void(Command&, const std::string&)>> kOptions =
        {
            {"-A", verb(Verb::append)},
            {"--append", verb(Verb::append)},
            {"-I", verb(Verb::insert)},
            {"--insert", verb(Verb::insert)},
            {"-D", verb(Verb::remove)},
            {"--delete", verb(Verb::remove)},
            {"-t", table},
            {"--table", table},
            {"-j", target},
            {"--jump", target},
            {"-m", match},
            {"--match", match},
            {"--comment", match},
            {"-s", source},
            {"--source", source},
            {"--src", source},
            {"-d", destination},
            {"--destination", destination},
            {"--dst", destination},
            {"-p", proto},
            {"--protocol", proto},
            {"-i", interface},
            {"--in-interface", interface},
            {"--sport", from},
            {"--source-port", from},
            {"--sports", from},
            {"--source-ports", from},
            {"--dport", to},
            {"--destination-port", to},
            {"--dports", to},
            {"--destination-ports", to},
            {"--set-mark", value_of},
            {"--set-xmark", value_of},
        };
    const auto known = kOptions.find(option);
    if (known == kOptions.end()) throw std::runtime_error("'" + option + "' is not known");
    try {
        known->second(command, value);
    } catch (const std::logic_error&) {  // of stoi and stoul
        throw std::runtime_error("'" + option + " " + value + "' is not known");
    }
}

// Each option and each value a word of its own: not -tmangle, not --set-mark=7.
std::vector<std::string> words_of(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> words;
    for (std::string word; in >> word;) {
        const bool is_long = word.rfind("--", 0) == 0;
        const std::size_t name = is_long ? word.find('=') : 2;
        if (word[0] == '-' && name < word.size()) {
            words.push_back(word.substr(0, name));
            word.erase(0, name + (is_long ? 1 : 0));
        }
        words.push_back(word);
    }
    return words;
}

// iptables or ip6tables, wherever it lies and whatever it is built on.
Family family_of(const std::string& program) {
    std::string name = program.substr(program.find_last_of('/') + 1);
    for (const char* suffix : {"-nft", "-legacy"})
        if (name.ends_with(suffix)) name.erase(name.rfind('-'));
    if (name == "ip6tables") return Family::ipv6;
    if (name != "iptables") throw std::runtime_error("not iptables");
    return Family::ipv4;
}

// -w, perhaps with seconds; --syn: only a first packet needs a mark.
bool says_nothing(const std::vector<std::string>& words, std::size_t at) {
    const auto is_wait = [](const std::string& word) { return word == "-w" || word == "--wait"; };
    return is_wait(words[at]) || words[at] == "--syn" ||
           (at > 0 && is_wait(words[at - 1]) && is_number(words[at]));
}

void check(const Command& command) {
    const bool is_flush = command.verb == Verb::flush;
    if (command.table != "mangle" && !is_flush)
        throw std::runtime_error("the table '" + command.table + "' is not known");
    if (command.chain != "PREROUTING" && !is_flush)
        throw std::runtime_error("the chain '" + command.chain + "' is not known");
}

}  // namespace

std::vector<MarkRule> Command::rules() const {
    std::vector<MarkRule> all;
    MarkRule rule = common;
    for (const auto& source : sources)
        for (const auto& destination : destinations)
            for (const PortRange& from : source_ports)
                for (const PortRange& to : destination_ports) {
                    rule.source = source;
                    rule.destination = destination;
                    rule.source_ports = from;
                    rule.destination_ports = to;
                    all.push_back(rule);
                }
    return all;
}

Command parse(const std::string& text) {
    const std::vector<std::string> words = words_of(text);
    Command command;
    command.common.family = family_of(words.empty() ? "" : words[0]);
    for (std::size_t at = 1; at < words.size(); ++at) {
        const std::string& word = words[at];
        const bool is_last = at + 1 == words.size();
        if (says_nothing(words, at)) continue;
        // -I PREROUTING 1 says what -I PREROUTING says.
        if (word == "1" && command.verb == Verb::insert) continue;
        if (word == "-F" || word == "--flush") {
            command.verb = Verb::flush;
            if (!is_last && words[at + 1][0] != '-') command.chain = words[++at];
            continue;
        }
        if (is_last) throw std::runtime_error("something is missing after '" + word + "'");
        if (word == "!") throw std::runtime_error("'! " + words[at + 1] + "' is not known");
        take(command, word, words[++at]);
    }
    check(command);
    return command;
}

}  // namespace usher::replay::iptables
