// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/compare.hpp"

#include <gtest/gtest.h>

namespace usher::replay {
namespace {

using nlohmann::json;

constexpr const char* kScenario = R"({"events": [
    {"op": "connect", "id": 0, "src": "10.1.0.5", "sport": 4001, "dst": "10.9.0.1", "dport": 80},
    {"op": "data", "id": 0}]})";
constexpr const char* kPlayed = R"([{"rs": "10.2.0.11:80"}, {"to_rs": null}])";

Verdict verdict(const char* recorded, const char* played = kPlayed) {
    const json scenario = json::parse(kScenario);
    return compare(*read_scenario(scenario, "any"),
                   {{"scenario", scenario}, {"results", json::parse(recorded)}},
                   {{"results", json::parse(played)}});
}

TEST(Compare, NullIsAbsent) {
    EXPECT_TRUE(verdict(R"([{"rs": "10.2.0.11:80", "err": null, "rst": null, "icmp": null,
                             "st": null}, {"to_rs": null, "client_err": null}])")
                    .is_pass());
}

TEST(Compare, NoServerIsADecision) {
    EXPECT_FALSE(verdict(R"([{"rs": "10.2.0.11:80"}, {}])").is_pass());
    EXPECT_FALSE(verdict(R"([{"rs": null}, {"to_rs": null}])").is_pass());
}

TEST(Compare, EachEventHasItsResult) {
    EXPECT_TRUE(verdict(kPlayed).is_pass());
    EXPECT_FALSE(verdict("[]").is_pass());
    EXPECT_FALSE(verdict(R"([{"rs": "10.2.0.11:80"}])").is_pass());
    EXPECT_FALSE(verdict(R"([{"rs": "10.2.0.11:80"}, {"to_rs": null}, {}])").is_pass());
}

}  // namespace
}  // namespace usher::replay
