// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/core.h>

#include <algorithm>

#include "conf/endpoint.hpp"
#include "conf/rules.hpp"
#include "conf/sections.hpp"

namespace usher {
namespace {

std::optional<Prefix> read_network(TableReader& reader, std::string_view key) {
    const auto text = reader.text(key);
    if (!text) return std::nullopt;
    const auto network = parse_network(*text);
    if (!network)
        reader.fail(key, fmt::format("{}: expected \"ADDRESS\" or \"NETWORK/LENGTH\" without bits "
                                     "after the prefix, such as \"10.0.0.0/8\", found \"{}\"",
                                     key, *text));
    return network;
}

PortRange read_ports(TableReader& reader, std::string_view key) {
    const auto text = reader.text(key);
    if (!text) return {};
    const auto range = parse_port_range(*text);
    if (!range)
        reader.fail(key, fmt::format("{}: expected \"PORT\" or \"FIRST-LAST\", such as "
                                     "\"8000-8999\", found \"{}\"",
                                     key, *text));
    return range.value_or(PortRange{});
}

std::string read_interface_name(TableReader& reader, const Config& config) {
    const auto name = reader.text("interface");
    if (!name) return {};
    const bool known =
        std::any_of(config.interfaces.begin(), config.interfaces.end(),
                    [&](const InterfaceConfig& interface) { return interface.name == *name; });
    if (!known)
        reader.fail("interface", fmt::format("interface: expected the name of an [[interface]] of "
                                             "this file, found \"{}\"",
                                             *name));
    return *name;
}

// An address tells the family; without one it is `family`, or IPv4.
Family read_family(TableReader& reader, const MarkRule& rule) {
    const auto written = reader.word("family", kFamilyWords);
    if (written) return *written;
    if (rule.source) return rule.source->address.family();
    if (rule.destination) return rule.destination->address.family();
    return Family::ipv4;
}

void read_mark(const toml::table& table, TableReader& top, Config& config) {
    TableReader reader(table, "[[mark]]", top.errors());
    MarkRule rule;
    const auto mark = reader.integer("mark", 1, UINT32_MAX);
    if (!reader.has("mark")) reader.missing("mark = NUMBER");
    rule.mark = mark.value_or(1);
    rule.protocol = reader.word("protocol", kProtocolWords);
    rule.source = read_network(reader, "source");
    rule.destination = read_network(reader, "destination");
    rule.source_ports = read_ports(reader, "source_ports");
    rule.destination_ports = read_ports(reader, "destination_ports");
    rule.interface = read_interface_name(reader, config);
    rule.family = read_family(reader, rule);
    reader.unknown_keys();
    if (const auto mistake = mistake_in(rule))
        reader.fail(mistake->key, fmt::format("{}: {}", mistake->key, mistake->message));
    if (config.marks.size() == kMaxMarkRules)
        top.errors().add(reader.position(),
                         fmt::format("expected at most {} [[mark]]", kMaxMarkRules));
    config.marks.push_back(std::move(rule));
}

}  // namespace

void read_marks(TableReader& top, ReadConfig& into) {
    top.each_table("mark", [&](const toml::table& table) { read_mark(table, top, into.config); });
}

}  // namespace usher
