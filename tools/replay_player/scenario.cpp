// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/scenario.hpp"

#include <map>
#include <sstream>
#include <stdexcept>

namespace usher::replay {

namespace {

using nlohmann::json;

Endpoint endpoint(const json& event, const char* address, const char* port) {
    const auto text = event.at(address).get<std::string>();
    const auto parsed = IpAddress::parse(text);
    if (!parsed) throw std::runtime_error("no address: " + text);
    return {*parsed, event.at(port).get<std::uint16_t>()};
}

std::vector<std::string> words_of(const std::string& line) {
    std::istringstream in(line);
    std::vector<std::string> words;
    for (std::string word; in >> word;)
        words.push_back(word);
    return words;
}

std::string text_of(const json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
}

Close::How read_how(const std::string& how) {
    static const std::map<std::string, Close::How> kHows = {{"fin", Close::How::fin},
                                                            {"server_fin", Close::How::server_fin},
                                                            {"rst", Close::How::rst},
                                                            {"server_rst", Close::How::server_rst},
                                                            {"half", Close::How::half}};
    const auto found = kHows.find(how);
    if (found == kHows.end()) throw std::runtime_error("no way to close: " + how);
    return found->second;
}

Connect read_connect(const json& event) {
    Connect connect;
    connect.id = event.at("id").get<int>();
    connect.protocol = event.value("proto", "tcp") == "udp" ? Protocol::udp : Protocol::tcp;
    connect.client = endpoint(event, "src", "sport");
    connect.virtual_end = endpoint(event, "dst", "dport");
    connect.patience = event.value("timeout", connect.patience);
    return connect;
}

Event read_event(const json& event) {
    const auto op = event.at("op").get<std::string>();
    const auto id = [&] { return event.at("id").get<int>(); };
    if (op == "connect") return read_connect(event);
    if (op == "close") return Close{id(), read_how(event.value("how", "fin"))};
    if (op == "send") return SendDatagram{id(), event.value("timeout", SendDatagram().patience)};
    if (op == "data") return Data{id()};
    if (op == "syn")
        return LoneSyn{endpoint(event, "src", "sport"), endpoint(event, "dst", "dport")};
    if (op == "ipvsadm") return Ipvsadm{words_of(event.at("args").get<std::string>())};
    if (op == "sysctl") return Sysctl{text_of(event.at("key")), text_of(event.at("value"))};
    if (op == "sleep") return Sleep{event.at("s").get<double>()};
    if (op == "ctl") return Control{event.at("cmd").get<std::string>()};
    if (op == "snapshot") return TakeSnapshot{event.value("cmds", std::vector<std::string>())};
    throw std::runtime_error("no such event: " + op);
}

}  // namespace

Result<Scenario> read_scenario(const json& json) try {
    Scenario scenario;
    scenario.name = json.at("name").get<std::string>();
    scenario.setup = json.value("setup", scenario.setup);
    scenario.controls = json.value("ctl", scenario.controls);
    if (json.contains("sysctl"))
        for (const auto& [key, value] : json.at("sysctl").items())
            scenario.settings.push_back({key, text_of(value)});
    for (const auto& event : json.at("events"))
        scenario.events.push_back(read_event(event));
    return scenario;
} catch (const std::exception& problem) {
    return fail(Errc::invalid, std::string("scenario: ") + problem.what());
}

}  // namespace usher::replay
