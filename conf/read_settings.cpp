// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/core.h>

#include <map>

#include "conf/rules.hpp"
#include "conf/sections.hpp"
#include "conf/vs_settings.hpp"

namespace usher {
namespace {

constexpr std::uint32_t kMaxCore = 1023;         // CPU_SETSIZE - 1
constexpr std::size_t kLongestSocketPath = 107;  // sun_path with its final NUL

void read_workers(TableReader& reader, ReadConfig& into) {
    std::map<unsigned, Position> seen;
    reader.each_in_array("cores", [&](const toml::node& node) {
        const auto core = reader.integer_in("cores", node, 0, kMaxCore);
        if (!core) return;
        if (!seen.emplace(*core, position_of(node)).second)
            reader.errors().add(position_of(node),
                                fmt::format("duplicate core {}: one worker a core", *core));
        into.config.worker_cores.push_back(*core);
        into.source.cores.push_back(position_of(node));
    });
    into.config.idle = reader.word("idle", kIdleWords).value_or(into.config.idle);
    into.config.spread = reader.flag("spread").value_or(into.config.spread);
}

void read_table(TableReader& reader, ReadConfig& into) {
    if (const auto bits = reader.integer("connection_table_bits", kMinTableBits, kMaxTableBits))
        into.config.connection_table_bits = *bits;
}

void read_fragments(TableReader& reader, ReadConfig& into) {
    FragmentsConfig& fragments = into.config.fragments;
    fragments.datagrams =
        reader.integer("datagrams", 1, kMaxFragments).value_or(fragments.datagrams);
    fragments.held = reader.integer("held", 0, kMaxFragments).value_or(fragments.held);
    fragments.timeout = reader.integer("timeout", 1, kMaxFragmentTime).value_or(fragments.timeout);
}

void read_timeouts(TableReader& reader, ReadConfig& into) {
    Timeouts& timeouts = into.config.timeouts;
    timeouts.tcp = reader.integer("tcp", 1, kMaxTimeout).value_or(timeouts.tcp);
    timeouts.tcp_fin = reader.integer("tcp_fin", 1, kMaxTimeout).value_or(timeouts.tcp_fin);
    timeouts.udp = reader.integer("udp", 1, kMaxTimeout).value_or(timeouts.udp);
}

void read_vs(TableReader& reader, ReadConfig& into) {
    for (const VsSetting& setting : vs_settings()) {
        std::uint32_t& value = into.config.vs.*setting.value;
        value = reader.integer(setting.name, setting.least, setting.most).value_or(value);
    }
    // What IPVS has and Usher does not gets its own sentence, not "unknown key".
    for (const std::string_view key : reader.keys()) {
        if (find_vs_setting(key) != nullptr) continue;
        const Error refusal = unknown_vs_setting(key);
        if (refusal.code == Errc::not_supported) reader.refuse(key, refusal.message);
    }
}

void read_forwarding(TableReader& reader, ReadConfig& into) {
    into.config.other = reader.word("other", kOtherWords).value_or(into.config.other);
}

void read_control(TableReader& reader, ReadConfig& into) {
    ControlConfig& control = into.config.control;
    if (auto socket = reader.text("socket")) {
        if (!socket->starts_with('/') || socket->size() > kLongestSocketPath)
            reader.fail("socket", fmt::format("socket: expected an absolute path of at most {} "
                                              "bytes, found \"{}\"",
                                              kLongestSocketPath, *socket));
        control.socket = *std::move(socket);
    }
    if (auto group = reader.text("group")) {
        if (group->empty()) reader.fail("group", "group: expected the name of a group");
        control.group = *std::move(group);
    }
    into.source.group = reader.position("group");
}

void read_log(TableReader& reader, ReadConfig& into) {
    LogConfig& log = into.config.log;
    log.level = reader.word("level", kLogLevelWords).value_or(log.level);
    log.debug = reader.bits("debug", kDebugWords).value_or(log.debug);
}

struct Section {
    std::string_view key;
    std::string_view name;
    void (*read)(TableReader& reader, ReadConfig& into);
};

constexpr Section kSections[] = {
    {"workers", "[workers]", read_workers},
    {"table", "[table]", read_table},
    {"fragments", "[fragments]", read_fragments},
    {"timeouts", "[timeouts]", read_timeouts},
    {"vs", "[vs]", read_vs},
    {"control", "[control]", read_control},
    {"log", "[log]", read_log},
    {"forwarding", "[forwarding]", read_forwarding},
};

}  // namespace

void read_settings(TableReader& top, ReadConfig& into) {
    for (const Section& section : kSections) {
        const toml::table* table = top.subtable(section.key);
        if (table == nullptr) continue;
        TableReader reader(*table, section.name, top.errors());
        section.read(reader, into);
        reader.unknown_keys();
    }
}

}  // namespace usher
