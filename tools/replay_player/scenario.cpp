// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/scenario.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>
#include <stdexcept>

#include "tools/cli/ipvsadm_restore.hpp"

namespace usher::replay {

namespace {

using nlohmann::json;

const json kAbsent;

const json& member(const json& of, const char* name) {
    const auto found = of.find(name);
    return found == of.end() ? kAbsent : *found;
}

const json& needed(const json& of, const char* name) {
    const json& value = member(of, name);
    if (value.is_null())
        throw std::runtime_error(std::string("no \"") + name + "\" in " + of.dump());
    return value;
}

std::string text_of(const json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
}

template <class Number>
Number number(const json& value) {
    const std::string text = text_of(value);
    Number read{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), read);
    if (error != std::errc() || end != text.data() + text.size())
        throw std::runtime_error("no number that fits: " + text);
    return read;
}

std::string in_small(const json& value) {
    std::string text = text_of(value);
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char letter) { return std::tolower(letter); });
    return text;
}

// A line, or its words.
std::string line_of(const json& value) {
    if (!value.is_array()) return text_of(value);
    std::string line;
    for (const json& word : value)
        line += (line.empty() ? "" : " ") + text_of(word);
    return line;
}

// A list of lines, or all of them in one text.
std::vector<std::string> lines_of(const json& value) {
    std::vector<std::string> lines;
    if (value.is_string()) {
        std::istringstream in(value.get<std::string>());
        for (std::string line; std::getline(in, line);)
            if (line.find_first_not_of(" \t\r") != std::string::npos) lines.push_back(line);
        return lines;
    }
    for (const json& line : value)
        lines.push_back(line_of(line));
    return lines;
}

// A list is one of words, unless its first is a whole command.
std::vector<std::string> commands_of(const json& value) {
    const bool is_words = value.is_array() && !value.empty() && value[0].is_string() &&
                          value[0].get<std::string>().find(' ') == std::string::npos;
    return is_words ? std::vector<std::string>{line_of(value)} : lines_of(value);
}

Endpoint endpoint(const json& event, const char* address, const char* port) {
    const std::string text = text_of(needed(event, address));
    const auto parsed = IpAddress::parse(text);
    if (!parsed) throw std::runtime_error("no address: " + text);
    return {*parsed, number<std::uint16_t>(needed(event, port))};
}

Close::How read_how(const json& value) {
    static const std::map<std::string, Close::How> kHows = {{"fin", Close::How::fin},
                                                            {"server_fin", Close::How::server_fin},
                                                            {"rst", Close::How::rst},
                                                            {"server_rst", Close::How::server_rst},
                                                            {"half", Close::How::half}};
    if (value.is_null()) return Close::How::fin;
    const auto found = kHows.find(in_small(value));
    if (found == kHows.end()) throw std::runtime_error("no way to close: " + text_of(value));
    return found->second;
}

Protocol read_protocol(const json& value) {
    const std::string name = value.is_null() ? "tcp" : in_small(value);
    if (name == "tcp") return Protocol::tcp;
    if (name == "udp") return Protocol::udp;
    throw std::runtime_error("no protocol that is played: " + text_of(value));
}

double patience(const json& event, double otherwise) {
    const json& value = member(event, "timeout");
    return value.is_null() ? otherwise : number<double>(value);
}

Connect read_connect(const json& event) {
    Connect connect;
    connect.id = text_of(needed(event, "id"));
    connect.protocol = read_protocol(member(event, "proto"));
    connect.client = endpoint(event, "src", "sport");
    connect.virtual_end = endpoint(event, "dst", "dport");
    connect.patience = patience(event, connect.patience);
    return connect;
}

Event read_event(const json& event) {
    const std::string op = text_of(needed(event, "op"));
    const auto id = [&] { return text_of(needed(event, "id")); };
    if (op == "connect") return read_connect(event);
    if (op == "close") return Close{id(), read_how(member(event, "how"))};
    if (op == "send") return SendDatagram{id(), patience(event, SendDatagram().patience)};
    if (op == "data") return Data{id()};
    if (op == "syn")
        return LoneSyn{endpoint(event, "src", "sport"), endpoint(event, "dst", "dport")};
    if (op == "ipvsadm") return Ipvsadm{restore_words(line_of(needed(event, "args")))};
    if (op == "sysctl")
        return Sysctl{text_of(needed(event, "key")), text_of(needed(event, "value"))};
    if (op == "sleep") return Sleep{number<double>(needed(event, "s"))};
    if (op == "ctl") return Control{commands_of(needed(event, "cmd"))};
    if (op == "snapshot") return TakeSnapshot{lines_of(member(event, "cmds"))};
    throw std::runtime_error("no such event: " + op);
}

}  // namespace

Result<Scenario> read_scenario(const json& json, const std::string& name) try {
    if (!json.is_object()) throw std::runtime_error("it is no object");
    Scenario scenario;
    scenario.name = member(json, "name").is_null() ? name : text_of(member(json, "name"));
    scenario.setup = lines_of(member(json, "setup"));
    scenario.controls = lines_of(member(json, "ctl"));
    for (const auto& [key, value] : member(json, "sysctl").items())
        scenario.settings.push_back({key, text_of(value)});
    for (const auto& event : needed(json, "events"))
        scenario.events.push_back(read_event(event));
    return scenario;
} catch (const std::exception& problem) {
    return fail(Errc::invalid, std::string("scenario: ") + problem.what());
}

}  // namespace usher::replay
