// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/mark_command.hpp"

#include <algorithm>
#include <map>
#include <sstream>
#include <stdexcept>

namespace usher::replay {

namespace {

enum class Verb : std::uint8_t { append, insert, remove, flush };

struct Command {
    Verb verb = Verb::append;
    MarkRule rule;
};

Prefix prefix(const std::string& text) {
    const auto slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) throw std::runtime_error("no prefix: " + text);
    const int length =
        slash == std::string::npos ? address->bits() : std::stoi(text.substr(slash + 1));
    if (length < 0 || length > address->bits()) throw std::runtime_error("no prefix: " + text);
    return Prefix::of(*address, length);
}

Protocol protocol(const std::string& text) {
    static const std::map<std::string, Protocol> kNames = {
        {"tcp", Protocol::tcp}, {"udp", Protocol::udp}, {"sctp", Protocol::sctp}};
    return kNames.at(text);
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

Command parse(const std::string& text) {
    std::istringstream in(text);
    std::string word;
    in >> word;
    Command command;
    if (word == "ip6tables")
        command.rule.family = Family::ipv6;
    else if (word != "iptables")
        throw std::runtime_error("not iptables");
    const auto next = [&] {
        std::string value;
        if (!(in >> value)) throw std::runtime_error("something is missing at its end");
        return value;
    };
    MarkRule& rule = command.rule;
    while (in >> word) {
        if (word == "-w") continue;
        if (word == "-F")
            command.verb = Verb::flush;
        else if (word == "-d")
            rule.destination = prefix(next());
        else if (word == "-s")
            rule.source = prefix(next());
        else if (word == "-p")
            rule.protocol = protocol(next());
        else if (word == "-i")
            rule.interface = next();
        else if (word == "--dport")
            rule.destination_ports = ports(next());
        else if (word == "--sport")
            rule.source_ports = ports(next());
        else if (word == "--set-mark" || word == "--set-xmark")
            rule.mark = mark(next());
        else if (word == "-A" || word == "-I" || word == "-D") {
            command.verb = word == "-A" ? Verb::append : word == "-I" ? Verb::insert : Verb::remove;
            next();  // the chain
        } else if (word == "-t" || word == "-m" || word == "-j") {
            next();  // mangle, tcp or udp, MARK
        } else if (command.verb != Verb::flush) {
            throw std::runtime_error("'" + word + "' is not known");
        }
    }
    return command;
}

}  // namespace

Result<std::vector<MarkRule>> apply_mark_command(const std::string& text,
                                                 std::vector<MarkRule> rules) try {
    const Command command = parse(text);
    switch (command.verb) {
        case Verb::append:
            rules.insert(rules.begin(), command.rule);
            break;
        case Verb::insert:
            rules.push_back(command.rule);
            break;
        case Verb::remove:
            rules.erase(std::remove(rules.begin(), rules.end(), command.rule), rules.end());
            break;
        case Verb::flush:
            rules.clear();
            break;
    }
    return rules;
} catch (const std::exception& problem) {
    return fail(Errc::invalid, "'" + text + "': " + problem.what());
}

}  // namespace usher::replay
