// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/core.h>

#include "conf/endpoint.hpp"
#include "conf/masquerade.hpp"
#include "conf/sections.hpp"

namespace usher {
namespace {

// The elements of an array of strings that `parse` understands; the others are reported.
template <class T>
std::vector<T> read_all(TableReader& reader, std::string_view key,
                        std::optional<T> (*parse)(std::string_view), std::string_view expected) {
    std::vector<T> values;
    reader.each_in_array(key, [&](const toml::node& node) {
        const auto text = reader.text_in(key, node);
        if (!text) return;
        if (const auto value = parse(*text))
            values.push_back(*value);
        else
            reader.errors().add(position_of(node),
                                fmt::format("{}: expected {}, found \"{}\"", key, expected, *text));
    });
    return values;
}

std::optional<PortRange> read_ports(TableReader& reader) {
    const auto text = reader.text("ports");
    if (!text) return std::nullopt;
    const auto ports = parse_port_range(*text);
    if (!ports)
        reader.fail("ports", fmt::format("ports: expected \"PORT\" or \"FIRST-LAST\", such as "
                                         "\"61000-65535\", found \"{}\"",
                                         *text));
    return ports;
}

void read_rule(const toml::table& table, TableReader& top, Config& config) {
    TableReader reader(table, "[[masquerade]]", top.errors());
    const std::size_t before = reader.errors().size();
    MasqueradeRule rule;
    rule.inside = read_all<Prefix>(reader, "inside", parse_network,
                                   "\"ADDRESS\" or \"NETWORK/LENGTH\" without bits after the "
                                   "prefix");
    rule.outside = read_all<AddressRange>(
        reader, "outside", parse_address_range,
        fmt::format("\"ADDRESS\" or \"FIRST-LAST\" in rising order, of at most {} addresses",
                    kMaxOutsideAddresses));
    rule.ports = read_ports(reader);
    if (!reader.has("inside")) reader.missing("inside = [\"NETWORK/LENGTH\"]");
    reader.unknown_keys();
    if (reader.errors().size() != before) return;  // what is missing now may have been meant
    if (const auto mistake = mistake_in(rule, config.masquerade))
        return reader.fail(mistake->key, fmt::format("{}: {}", mistake->key, mistake->message));
    if (config.masquerade.size() == kMaxMasqueradeRules)
        reader.errors().add(reader.position(),
                            fmt::format("expected at most {} [[masquerade]]", kMaxMasqueradeRules));
    config.masquerade.push_back(std::move(rule));
}

}  // namespace

void read_masquerade(TableReader& top, ReadConfig& into) {
    top.each_table("masquerade",
                   [&](const toml::table& table) { read_rule(table, top, into.config); });
}

}  // namespace usher
