// SPDX-License-Identifier: BSD-3-Clause
// A scenario as recorded (docs/replay.md): what was set up, and what happened to it, in order.
// Nothing in here knows what came out of it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "conf/result.hpp"
#include "tools/replay_player/frame.hpp"

namespace usher::replay {

struct Connect {
    std::string id;
    Protocol protocol = Protocol::tcp;
    Endpoint client;
    Endpoint virtual_end;
    double patience = 2;  // seconds
};
struct Close {
    enum class How : std::uint8_t { fin, server_fin, rst, server_rst, half };
    std::string id;
    How how = How::fin;
};
struct SendDatagram {
    std::string id;
    double patience = 2;
};
struct Data {
    std::string id;
};
struct LoneSyn {
    Endpoint client;
    Endpoint virtual_end;
};
struct Ipvsadm {
    std::vector<std::string> words;
};
struct Sysctl {
    std::string key;
    std::string value;
};
struct Sleep {
    double seconds = 0;
};
struct Control {
    std::vector<std::string> commands;
};
struct TakeSnapshot {
    std::vector<std::string> commands;
};

using Event = std::variant<Connect, Close, SendDatagram, Data, LoneSyn, Ipvsadm, Sysctl, Sleep,
                           Control, TakeSnapshot>;

struct Scenario {
    std::string name;
    std::vector<std::string> setup;  // lines for ipvsadm-restore
    std::vector<Sysctl> settings;
    std::vector<std::string> controls;
    std::vector<Event> events;
};

// The member "scenario" of a file; one without a name is called `name`. Fails with Errc::invalid
// and a sentence. null is as good as absent, a number's text as the number, a list of words as a
// line, and lines in one text as a list of them.
Result<Scenario> read_scenario(const nlohmann::json& json, const std::string& name);

}  // namespace usher::replay
