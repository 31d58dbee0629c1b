// SPDX-License-Identifier: BSD-3-Clause
// What was played beside what was recorded. Pure; it sees two files and no director. What is no
// record's form throws.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/replay_player/scenario.hpp"

namespace usher::replay {

struct Verdict {
    unsigned decisions = 0;
    unsigned decisions_right = 0;
    unsigned counts = 0;  // the state of all services after an event
    unsigned counts_right = 0;
    std::vector<std::string> differences;  // a line each, in the order of the events

    bool is_pass() const { return differences.empty(); }
};

// `file` has "scenario" (which was read as `scenario`), "state0" and "results" as recorded;
// `played` the latter two as played.
Verdict compare(const Scenario& scenario, const nlohmann::json& file, const nlohmann::json& played);

}  // namespace usher::replay
