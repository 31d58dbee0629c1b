// SPDX-License-Identifier: BSD-3-Clause
#include "conf/masquerade.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace usher {
namespace {

Mistake invalid(std::string_view key, std::string message) {
    return {key, Errc::invalid, std::move(message)};
}

IpAddress next_of(const IpAddress& address) {
    if (address.is_ipv4()) return IpAddress(Be32::from_host(address.v4().host() + 1));
    auto bytes = address.bytes();
    for (std::size_t i = bytes.size(); i-- > 0;)
        if (++bytes[i] != 0) break;
    return IpAddress(bytes);
}

// How many addresses; kMaxOutsideAddresses + 1: more than are allowed.
std::uint32_t size_of(const AddressRange& range) {
    std::uint32_t size = 1;
    for (IpAddress at = range.first; at != range.last && size <= kMaxOutsideAddresses; ++size)
        at = next_of(at);
    return size;
}

bool overlap(const AddressRange& a, const AddressRange& b) {
    return a.first <= b.last && b.first <= a.last;
}

bool overlap(const AddressRange& range, const Prefix& prefix) {
    return range.first.family() == prefix.address.family() &&
           (prefix.contains(range.first) || prefix.contains(range.last) ||
            (range.first <= prefix.address && prefix.address <= range.last));
}

bool can_be_outside(const IpAddress& address) {
    return !address.is_unspecified() && !address.is_multicast() && !address.is_broadcast() &&
           !address.is_loopback() && !address.is_link_local();
}

bool is_outside(const MasqueradeRule& rule, Family family) {
    return std::any_of(rule.outside.begin(), rule.outside.end(),
                       [&](const AddressRange& range) { return range.first.family() == family; });
}

std::optional<Mistake> mistake_in_inside(const MasqueradeRule& rule) {
    if (rule.inside.empty()) return invalid("inside", "expected at least one network");
    if (rule.inside.size() > kMaxInsidePrefixes)
        return invalid("inside", fmt::format("expected at most {} networks", kMaxInsidePrefixes));
    for (const Prefix& prefix : rule.inside) {
        if (Prefix::of(prefix.address, prefix.length) != prefix)
            return invalid("inside", "expected no bits after the prefix");
        if (prefix.length == 0)
            return invalid("inside", fmt::format("{} leaves no outside", prefix.to_string()));
        const Family family = prefix.address.family();
        if (!rule.outside.empty() && !is_outside(rule, family))
            return invalid(
                "inside",
                fmt::format("{} is an {} network, and outside has no such address",
                            prefix.to_string(), family == Family::ipv4 ? "IPv4" : "IPv6"));
    }
    return std::nullopt;
}

std::optional<Mistake> mistake_in_range(const AddressRange& range) {
    if (range.first.family() != range.last.family() || range.first > range.last)
        return invalid("outside", fmt::format("expected FIRST-LAST in rising order, found {}",
                                              address_range_text(range)));
    for (const IpAddress& address : {range.first, range.last})
        if (!can_be_outside(address))
            return invalid("outside", fmt::format("expected unicast addresses that can be routed, "
                                                  "found {}",
                                                  address.to_string()));
    return std::nullopt;
}

std::optional<Mistake> mistake_in_outside(const MasqueradeRule& rule,
                                          std::span<const MasqueradeRule> before) {
    std::uint32_t count = 0;
    for (const MasqueradeRule& other : before)
        for (const AddressRange& range : other.outside)
            count += size_of(range);
    for (std::size_t i = 0; i < rule.outside.size(); ++i) {
        const AddressRange& range = rule.outside[i];
        if (auto mistake = mistake_in_range(range)) return mistake;
        count += size_of(range);
        if (count > kMaxOutsideAddresses)
            return invalid("outside", fmt::format("expected at most {} addresses in all",
                                                  kMaxOutsideAddresses));
        for (std::size_t j = 0; j < i; ++j)
            if (overlap(range, rule.outside[j]))
                return invalid("outside",
                               fmt::format("{} and {} overlap", address_range_text(rule.outside[j]),
                                           address_range_text(range)));
        for (const MasqueradeRule& other : before)
            for (const AddressRange& its : other.outside)
                if (overlap(range, its))
                    return invalid("outside",
                                   fmt::format("{} overlaps with {} of a rule before",
                                               address_range_text(range), address_range_text(its)));
    }
    return std::nullopt;
}

// An address on both sides: its packets would be masqueraded again and again.
std::optional<Mistake> mistake_between(const MasqueradeRule& inside, const MasqueradeRule& outside,
                                       std::string_view key) {
    for (const Prefix& prefix : inside.inside)
        for (const AddressRange& range : outside.outside)
            if (overlap(range, prefix))
                return invalid(key, fmt::format("{} of outside is in {} of inside",
                                                address_range_text(range), prefix.to_string()));
    return std::nullopt;
}

}  // namespace

std::optional<AddressRange> parse_address_range(std::string_view text) {
    const std::size_t dash = text.find('-');
    const auto first = IpAddress::parse(text.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : IpAddress::parse(text.substr(dash + 1));
    if (!first || !last || first->family() != last->family() || *first > *last) return std::nullopt;
    const AddressRange range{*first, *last};
    return size_of(range) <= kMaxOutsideAddresses ? std::optional(range) : std::nullopt;
}

std::string address_range_text(const AddressRange& range) {
    const std::string first = range.first.to_string();
    return range.first == range.last ? first : first + "-" + range.last.to_string();
}

std::vector<IpAddress> addresses_of(const AddressRange& range) {
    std::vector<IpAddress> addresses = {range.first};
    while (addresses.back() != range.last && addresses.size() < kMaxOutsideAddresses)
        addresses.push_back(next_of(addresses.back()));
    return addresses;
}

std::optional<Mistake> mistake_in(const MasqueradeRule& rule,
                                  std::span<const MasqueradeRule> before) {
    if (auto mistake = mistake_in_outside(rule, before)) return mistake;
    if (auto mistake = mistake_in_inside(rule)) return mistake;
    if (rule.ports && (rule.ports->first == 0 || rule.ports->first > rule.ports->last))
        return invalid("ports", "expected FIRST-LAST in rising order, from 1 on");
    if (auto mistake = mistake_between(rule, rule, "outside")) return mistake;
    for (const MasqueradeRule& other : before) {
        if (auto mistake = mistake_between(rule, other, "inside")) return mistake;
        if (auto mistake = mistake_between(other, rule, "outside")) return mistake;
    }
    return std::nullopt;
}

}  // namespace usher
