// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace usher::replay {

namespace {

using nlohmann::json;
using Services = std::map<std::string, json>;  // the lines of each

// null says that there is none; but of a server, that the client got none.
bool is_said(const json& result, const std::string& member) {
    const auto found = result.find(member);
    if (found == result.end()) return false;
    return !found->is_null() || member == "rs" || member == "to_rs";
}

// What an event decided: the server, or how the client was refused. "t" is the clock's, "st" is
// compared as counts, and what a server's program sees of a connection that the director no longer
// forwards ("server_err") is between it and the client.
json decision(const json& result) {
    static const char* const kMembers[] = {"rs",     "err",   "rst",        "reply", "state",
                                           "noconn", "to_rs", "client_err", "rc"};
    json decided = json::object();
    for (const char* member : kMembers)
        if (is_said(result, member)) decided[member] = result.at(member);
    if (is_said(result, "icmp"))
        decided["icmp"] = {result.at("icmp").at("type"), result.at("icmp").at("code")};
    return decided;
}

Services first_state(const json& file) {
    Services services;
    for (const json& one : file.value("state0", json::array()))
        services[one.at(0).get<std::string>()] = one.at(1);
    return services;
}

void update(Services& services, const json& result) {
    if (!is_said(result, "st")) return;
    for (const auto& [service, lines] : result.at("st").items())
        services[service] = lines;
}

// A SYN that reuses an entry which has ended: IPVS forgets the old one a moment later, by a timer,
// so it may still be counted after this event and the next.
class Reuse {
  public:
    static constexpr std::size_t kMoment = 2;

    void event(const Event& event) {
        ++at_;
        const auto* one = std::get_if<Connect>(&event);
        if (one == nullptr) return;
        const bool is_new = seen_.insert({one->protocol, one->client, one->virtual_end}).second;
        if (!is_new) reused_.push_back(at_);
    }
    // How many old entries may still be counted now.
    std::int64_t lagging() const {
        std::int64_t count = 0;
        for (const std::size_t at : reused_)
            count += at + kMoment > at_;
        return count;
    }

  private:
    std::size_t at_ = 0;
    std::set<std::tuple<Protocol, Endpoint, Endpoint>> seen_;
    std::vector<std::size_t> reused_;
};

// Beyond the played ones, at most `lagging` inactive connections in all are recorded.
bool is_same(const Services& recorded, const Services& played, std::int64_t lagging) {
    if (recorded == played) return true;
    if (lagging == 0 || recorded.size() != played.size()) return false;
    std::int64_t beyond = 0;
    for (auto a = recorded.begin(), b = played.begin(); a != recorded.end(); ++a, ++b) {
        if (a->first != b->first || a->second.size() != b->second.size()) return false;
        for (std::size_t i = 0; i < a->second.size(); ++i) {
            json line = a->second[i];
            const std::int64_t more =
                line.at(3).get<std::int64_t>() - b->second[i].at(3).get<std::int64_t>();
            if (more < 0) return false;
            beyond += more;
            line.at(3) = b->second[i].at(3);
            if (line != b->second[i]) return false;
        }
    }
    return beyond <= lagging;
}

std::string differing(const Services& recorded, const Services& played) {
    std::string text;
    const auto add = [&](const std::string& service, const std::string& was,
                         const std::string& is) {
        text +=
            fmt::format("{}{}: recorded {}, played {}", text.empty() ? "" : "; ", service, was, is);
    };
    for (const auto& [service, lines] : recorded) {
        const auto other = played.find(service);
        if (other == played.end())
            add(service, lines.dump(), "nothing");
        else if (other->second != lines)
            add(service, lines.dump(), other->second.dump());
    }
    for (const auto& [service, lines] : played)
        if (!recorded.contains(service)) add(service, "nothing", lines.dump());
    return text;
}

}  // namespace

Verdict compare(const Scenario& scenario, const json& file, const json& played) {
    Verdict verdict;
    const json& events = file.at("scenario").at("events");
    const json& recorded = file.at("results");
    if (recorded.size() != scenario.events.size())
        verdict.differences.push_back(fmt::format("{} results are recorded, of {} events",
                                                  recorded.size(), scenario.events.size()));
    Services was = first_state(file);
    Services is = first_state(played);
    Reuse reuse;
    for (std::size_t i = 0; i < std::min(recorded.size(), scenario.events.size()); ++i) {
        const json& result = played.at("results").at(i);
        reuse.event(scenario.events[i]);
        const json right = decision(recorded[i]);
        const json got = decision(result);
        if (!right.empty() || !got.empty()) {
            ++verdict.decisions;
            if (right == got)
                ++verdict.decisions_right;
            else
                verdict.differences.push_back(fmt::format("event {} {}: recorded {}, played {}", i,
                                                          events[i].dump(), right.dump(),
                                                          got.dump()));
        }
        update(was, recorded[i]);
        update(is, result);
        ++verdict.counts;
        if (is_same(was, is, reuse.lagging()))
            ++verdict.counts_right;
        else
            verdict.differences.push_back(
                fmt::format("event {} {}: {}", i, events[i].dump(), differing(was, is)));
    }
    return verdict;
}

}  // namespace usher::replay
