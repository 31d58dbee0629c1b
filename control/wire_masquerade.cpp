// SPDX-License-Identifier: BSD-3-Clause
// Masquerading, as control/wire.hpp carries it.
#include <fmt/format.h>

#include <utility>

#include "conf/endpoint.hpp"
#include "conf/masquerade.hpp"
#include "conf/words.hpp"
#include "control/wire.hpp"

namespace usher {
namespace {

template <class Value>
std::vector<Value> members(ObjectReader& in, std::string_view name,
                           std::optional<Value> (*parse)(std::string_view), std::string_view form) {
    std::vector<Value> values;
    const Json* array = in.member(name);
    if (array == nullptr) return values;
    if (!array->is_array()) in.fail_with(Errc::protocol, name, "must be an array");
    for (const Json& item : *array) {
        if (!item.is_string()) {
            in.fail_with(Errc::protocol, name, "must hold strings");
            break;
        }
        const auto value = parse(item.get_ref<const std::string&>());
        if (!value) in.fail_with(Errc::invalid, name, form);
        values.push_back(value.value_or(Value{}));
    }
    return values;
}

Result<MasqueradeRule> read_rule(const Json& json) {
    ObjectReader in(json, "masquerade");
    in.require({"inside"});
    MasqueradeRule rule;
    rule.inside = members<Prefix>(in, "inside", parse_network,
                                  "must hold ADDRESS or NETWORK/LENGTH without bits after the "
                                  "prefix");
    rule.outside = members<AddressRange>(in, "outside", parse_address_range,
                                         "must hold ADDRESS or FIRST-LAST in rising order");
    if (in.has("ports")) {
        rule.ports = parse_port_range(in.text("ports", ""));
        if (!rule.ports) in.fail_with(Errc::invalid, "ports", "must be PORT or FIRST-LAST");
    }
    if (auto done = in.finish(); !done) return tl::unexpected<Error>(done.error());
    return rule;
}

Json to_wire(const OutsideRow& row) {
    return {{"address", row.address.to_string()},
            {"protocol", row.protocol},
            {"ports", row.ports},
            {"used", row.used},
            {"resting", row.resting},
            {"exhausted", row.exhausted}};
}

Result<OutsideRow> read_row(const Json& json) {
    ObjectReader in(json, "outside");
    in.require({"address", "protocol"});
    OutsideRow row;
    const auto address = IpAddress::parse(in.text("address", "0.0.0.0"));
    if (!address) in.fail_with(Errc::invalid, "address", "must be an address");
    row.address = address.value_or(IpAddress());
    row.protocol = in.text("protocol", "");
    row.ports = in.counter("ports");
    row.used = in.counter("used");
    row.resting = in.counter("resting");
    row.exhausted = in.counter("exhausted");
    if (auto done = in.error(); !done) return tl::unexpected<Error>(done.error());
    return row;
}

}  // namespace

Json to_wire(const MasqueradeRule& rule) {
    Json out = {{"inside", Json::array()}, {"outside", Json::array()}};
    for (const Prefix& prefix : rule.inside)
        out["inside"].push_back(prefix.to_string());
    for (const AddressRange& range : rule.outside)
        out["outside"].push_back(address_range_text(range));
    if (rule.ports) out["ports"] = port_range_text(*rule.ports);
    return out;
}

Result<std::vector<MasqueradeRule>> read_masquerade_rules(const Json& json) {
    if (!json.is_array()) return fail(Errc::protocol, "'rules' must be an array");
    std::vector<MasqueradeRule> rules;
    for (const Json& entry : json) {
        auto rule = read_rule(entry);
        if (!rule)
            return fail(rule.error().code, fmt::format("masquerade rule {}: {}", rules.size() + 1,
                                                       rule.error().message));
        rules.push_back(*std::move(rule));
    }
    return rules;
}

Json to_wire(const MasqueradeListing& listing) {
    Json addresses = Json::array();
    for (const OutsideRow& row : listing.addresses)
        addresses.push_back(to_wire(row));
    return {{"rules", to_wire_array(listing.rules)},
            {"other", word_of(kOtherWords, listing.other)},
            {"addresses", std::move(addresses)}};
}

Result<MasqueradeListing> read_masquerade_listing(const Json& json) {
    ObjectReader in(json, "listing");
    in.require({"rules", "other", "addresses"});
    const std::string other = in.text("other", "");
    if (auto done = in.error(); !done) return tl::unexpected<Error>(done.error());
    MasqueradeListing listing;
    listing.other = other == word_of(kOtherWords, OtherTraffic::kernel) ? OtherTraffic::kernel
                                                                        : OtherTraffic::drop;
    auto rules = read_masquerade_rules(json["rules"]);
    if (!rules) return tl::unexpected<Error>(rules.error());
    listing.rules = *std::move(rules);
    if (!json["addresses"].is_array()) return fail(Errc::protocol, "listing: not an array");
    for (const Json& entry : json["addresses"]) {
        auto row = read_row(entry);
        if (!row) return tl::unexpected<Error>(row.error());
        listing.addresses.push_back(*std::move(row));
    }
    return listing;
}

}  // namespace usher
