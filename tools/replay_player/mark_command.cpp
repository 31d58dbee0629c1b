// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/mark_command.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <iterator>
#include <map>
#include <sstream>
#include <stdexcept>

namespace usher::replay {

namespace {

enum class Verb : std::uint8_t { append, insert, remove, flush };

// Where a command names several of a kind, it stands for a rule for each.
struct Command {
    Verb verb = Verb::append;
    MarkRule common;
    std::vector<std::optional<Prefix>> sources = {std::nullopt};
    std::vector<std::optional<Prefix>> destinations = {std::nullopt};
    std::vector<PortRange> source_ports = {PortRange()};
    std::vector<PortRange> destination_ports = {PortRange()};

    std::vector<MarkRule> rules() const {
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
};

template <class Read>
auto list(const std::string& text, Read read) {
    std::vector<decltype(read(text))> values;
    std::istringstream in(text);
    for (std::string one; std::getline(in, one, ',');)
        values.push_back(read(one));
    return values;
}

// ADDRESS, ADDRESS/LENGTH or ADDRESS/MASK.
std::optional<Prefix> prefix(const std::string& text) {
    const auto slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) throw std::runtime_error("no prefix: " + text);
    int length = address->bits();
    if (slash != std::string::npos) {
        const auto mask = IpAddress::parse(text.substr(slash + 1));
        length = mask ? 0 : std::stoi(text.substr(slash + 1));
        if (mask)
            for (const std::uint8_t byte : mask->bytes())
                length += std::popcount(byte);
    }
    if (length < 0 || length > address->bits()) throw std::runtime_error("no prefix: " + text);
    return Prefix::of(*address, length);
}

std::optional<Protocol> protocol(const std::string& text) {
    static const std::map<std::string, std::optional<Protocol>> kNames = {
        {"all", std::nullopt},   {"tcp", Protocol::tcp}, {"6", Protocol::tcp},
        {"udp", Protocol::udp},  {"17", Protocol::udp},  {"sctp", Protocol::sctp},
        {"132", Protocol::sctp},
    };
    const auto known = kNames.find(text);
    if (known == kNames.end()) throw std::runtime_error("no protocol with ports: " + text);
    return known->second;
}

PortRange ports(const std::string& text) {
    const auto port = [](const std::string& number) {
        const int value = std::stoi(number);
        if (value < 0 || value > 65535) throw std::runtime_error("no port: " + number);
        return static_cast<std::uint16_t>(value);
    };
    const auto colon = text.find(':');
    if (colon == std::string::npos) return {port(text), port(text)};
    return {port(text.substr(0, colon)), port(text.substr(colon + 1))};
}

// --set-mark takes VALUE or VALUE/MASK; only whole marks are used.
std::uint32_t mark(const std::string& text) {
    return static_cast<std::uint32_t>(std::stoul(text, nullptr, 0));
}

// One that takes a value, as iptables(8) and its multiport write it.
void take(Command& command, const std::string& option, const std::string& value) {
    const auto verb = [](Verb its) {
        return [its](Command& c, const std::string& chain) {
            if (chain != "PREROUTING") throw std::runtime_error("'" + chain + "' is not known");
            c.verb = its;
        };
    };
    const auto source = [](Command& c, const std::string& v) { c.sources = list(v, prefix); };
    const auto destination = [](Command& c, const std::string& v) {
        c.destinations = list(v, prefix);
    };
    const auto from = [](Command& c, const std::string& v) { c.source_ports = list(v, ports); };
    const auto to = [](Command& c, const std::string& v) { c.destination_ports = list(v, ports); };
    const auto proto = [](Command& c, const std::string& v) { c.common.protocol = protocol(v); };
    const auto interface = [](Command& c, const std::string& v) { c.common.interface = v; };
    const auto value_of = [](Command& c, const std::string& v) { c.common.mark = mark(v); };
    const auto must_be = [](const char* only) {
        return [only](Command&, const std::string& v) {
            if (v != only) throw std::runtime_error("'" + v + "' is not known");
        };
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
            {"-t", must_be("mangle")},
            {"--table", must_be("mangle")},
            {"-j", must_be("MARK")},
            {"--jump", must_be("MARK")},
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
    known->second(command, value);
}

Command parse(const std::string& text) {
    std::istringstream in(text);
    std::string word;
    in >> word;
    Command command;
    if (word == "ip6tables")
        command.common.family = Family::ipv6;
    else if (word != "iptables")
        throw std::runtime_error("not iptables");
    std::string option;
    while (in >> word) {
        if (word == "-w" || word == "--wait") continue;
        if (word == "-F" || word == "--flush") {
            command.verb = Verb::flush;
            break;
        }
        // -I PREROUTING 1 says what -I PREROUTING says.
        if (word == "1" && command.verb == Verb::insert) continue;
        option = word;
        if (!(in >> word)) throw std::runtime_error("something is missing at its end");
        take(command, option, word);
    }
    return command;
}

}  // namespace

Result<std::vector<MarkRule>> apply_mark_command(const std::string& text,
                                                 std::vector<MarkRule> rules) try {
    const Command command = parse(text);
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
            std::erase_if(
                rules, [&](const MarkRule& rule) { return rule.family == command.common.family; });
            break;
    }
    return rules;
} catch (const std::exception& problem) {
    return fail(Errc::invalid, "'" + text + "': " + problem.what());
}

}  // namespace usher::replay
