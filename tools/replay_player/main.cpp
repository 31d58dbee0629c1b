// SPDX-License-Identifier: BSD-3-Clause
// tools/replay: recorded scenarios of a real IPVS, played through the shipped code and compared.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tools/replay_player/compare.hpp"
#include "tools/replay_player/player.hpp"

namespace usher::replay {
namespace {

using nlohmann::json;

struct Options {
    std::vector<std::string> files;
    std::string emit;
    unsigned workers = 1;
    bool verbose = false;
};

enum class Outcome : std::uint8_t { pass, fail };

constexpr std::size_t kFirstDifferences = 5;

Outcome say_failed(const std::string& name, const std::string& why) {
    fmt::print("FAIL {}: {}\n", name, why);
    return Outcome::fail;
}

void show(const Verdict& verdict, const Options& options) {
    const std::size_t all = verdict.differences.size();
    const std::size_t shown = options.verbose ? all : std::min(all, kFirstDifferences);
    for (std::size_t i = 0; i < shown; ++i)
        fmt::print("    {}\n", verdict.differences[i]);
    if (shown < all) fmt::print("    and {} more differences (-v shows all)\n", all - shown);
}

bool emit(const Options& options, const std::string& name, const json& file, const Record& record) {
    if (options.emit.empty()) return true;
    Record whole = {{"scenario", file.at("scenario")}, {"kernel", "usher " USHER_VERSION}};
    whole.update(record);
    const auto path = std::filesystem::path(options.emit) / (name + ".json");
    std::ofstream out(path);
    out << whole.dump() << "\n";
    out.close();
    if (out) return true;
    fmt::print(stderr, "tools/replay: cannot write {}\n", path.string());
    return false;
}

Outcome play(const std::string& path, const Options& options) {
    std::ifstream in(path);
    json file = json::parse(in, nullptr, false);
    if (!file.is_object())
        return say_failed(path, "there is no such file, or it is no JSON object");
    // One that somebody writes to see what happens may be no more than that.
    if (!file.contains("scenario")) file = json{{"scenario", file}};
    const auto scenario =
        read_scenario(file.at("scenario"), std::filesystem::path(path).stem().string());
    if (!scenario) return say_failed(path, scenario.error().message);
    const std::string& name = scenario->name;

    Player player(options.workers);
    const auto record = player.play(*scenario);
    if (!record) return say_failed(name, "the set-up is refused: " + record.error().message);
    if (!emit(options, name, file, *record)) return Outcome::fail;
    if (!file.contains("results") || file.at("results").is_null()) {
        fmt::print("PLAYED {}: {} events, nothing recorded to compare with\n", name,
                   scenario->events.size());
        return Outcome::pass;
    }
    const Verdict verdict = compare(*scenario, file, json(*record));
    fmt::print("{} {}: decisions {}/{}, counts {}/{}\n", verdict.is_pass() ? "PASS" : "FAIL", name,
               verdict.decisions_right, verdict.decisions, verdict.counts_right, verdict.counts);
    show(verdict, options);
    return verdict.is_pass() ? Outcome::pass : Outcome::fail;
}

// Whatever is odd about one file, the others are played.
Outcome play_safely(const std::string& path, const Options& options) try {
    return play(path, options);
} catch (const std::exception& problem) {
    return say_failed(path, problem.what());
}

int play_all(const Options& options) {
    unsigned by_outcome[2] = {};
    if (!options.emit.empty()) std::filesystem::create_directories(options.emit);
    for (const std::string& path : options.files)
        ++by_outcome[static_cast<unsigned>(play_safely(path, options))];
    if (options.files.size() > 1)
        fmt::print("{} passed, {} failed\n", by_outcome[0], by_outcome[1]);
    return by_outcome[1] == 0 ? 0 : 1;
}

}  // namespace
}  // namespace usher::replay

int main(int argc, char** argv) {
    usher::replay::Options options;
    CLI::App app("Plays recorded scenarios through the shipped code; see docs/replay.md.",
                 "tools/replay");
    app.add_option("FILE", options.files, "files as in tests/golden")->required();
    app.add_option("--emit", options.emit, "write what happened to DIR/NAME.json")
        ->type_name("DIR");
    app.add_option("--workers", options.workers, "packets take turns over so many workers")
        ->check(CLI::Range(1, 8));
    app.add_flag("-v,--verbose", options.verbose, "every difference, not only the first ones");
    CLI11_PARSE(app, argc, argv);
    return usher::replay::play_all(options);
}
