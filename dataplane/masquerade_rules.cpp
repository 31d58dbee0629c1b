// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/masquerade_rules.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>

namespace usher {

namespace masquerade_rules {

namespace {

constexpr std::uint64_t kMixFirst = 0x9e3779b97f4a7c15;
constexpr std::uint64_t kMixSecond = 0xc2b2ae3d27d4eb4f;

template <Family F>
Words<F> words_of(const typename WireAddress<F>::type& address) {
    Words<F> words;
    std::memcpy(words.data(), &address, sizeof(words));
    return words;
}

template <Family F>
typename WireAddress<F>::type wire_of(const IpAddress& address) {
    typename WireAddress<F>::type wire;
    std::memcpy(&wire, address.bytes().data(), sizeof(wire));
    return wire;
}

// Not secret: a host that chose its own address to share an outside address gains nothing.
template <Family F>
std::uint64_t weight(const Words<F>& source, const Words<F>& outside) {
    std::uint64_t sum = kMixFirst;
    for (std::size_t i = 0; i < source.size(); ++i)
        sum = fold_multiply(sum ^ source[i], kMixSecond ^ outside[i]) ^ sum;
    return fold_multiply(sum, kMixFirst);
}

template <Family F>
Outside<F> outside_from(const OutsideAddress& from, bool by_way_out) {
    return {wire_of<F>(from.address), from.index, by_way_out};
}

}  // namespace

template <Family F>
typename Rules<F>::Number Rules<F>::number_of(const Address& address) {
    if constexpr (F == Family::ipv4) {
        return address.host();
    } else {
        Number number = 0;
        for (const std::uint8_t byte : address)
            number = number << 8 | byte;
        return number;
    }
}

template <Family F>
typename Rules<F>::Inside Rules<F>::inside_of(const Prefix& prefix, RuleIndex rule) {
    const Number first = number_of(wire_of<F>(prefix.address));
    constexpr unsigned kBits = 8 * sizeof(Number);
    const Number hosts = prefix.length == 0 ? ~Number{0}
                         : prefix.length >= kBits
                             ? Number{0}
                             : static_cast<Number>(~Number{0} >> prefix.length);
    return {first, first | hosts, rule};
}

template <Family F>
void Rules<F>::build(const std::vector<MasqueradeSpec>& rules,
                     const std::vector<OutsideAddress>& own) {
    std::vector<Inside> inside;
    for (std::size_t rule = 0; rule < rules.size(); ++rule) {
        for (const Prefix& prefix : rules[rule].inside)
            if (prefix.address.family() == F)
                inside.push_back(inside_of(prefix, static_cast<RuleIndex>(rule)));
        auto& outside = outside_.emplace_back();
        for (const OutsideAddress& each : rules[rule].outside)
            if (each.address.family() == F) outside.push_back(outside_from<F>(each, false));
    }
    lay_out(inside);
    for (const OutsideAddress& each : own)
        if (each.address.family() == F) own_.push_back(outside_from<F>(each, true));
}

// Sweeps over where prefixes begin and end; of those that are open there, the first rule counts.
template <Family F>
void Rules<F>::lay_out(const std::vector<Inside>& inside) {
    struct Edge {
        Number at;
        RuleIndex rule;
        bool opens;
    };
    std::vector<Edge> edges;
    for (const Inside& each : inside) {
        edges.push_back({each.first, each.rule, true});
        if (each.last != ~Number{0}) edges.push_back({each.last + 1, each.rule, false});
    }
    std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });
    std::multiset<RuleIndex> open;
    for (std::size_t i = 0; i < edges.size();) {
        const Number at = edges[i].at;
        std::vector<RuleIndex> closed;
        for (; i < edges.size() && edges[i].at == at; ++i)
            if (edges[i].opens)
                open.insert(edges[i].rule);
            else
                closed.push_back(edges[i].rule);
        for (const RuleIndex rule : closed)
            open.erase(open.find(rule));
        const RuleIndex rule = open.empty() ? kNoRule : *open.begin();
        const RuleIndex before = inside_.empty() ? kNoRule : inside_.back().rule;
        if (rule != before) inside_.push_back({at, rule});
    }
}

template <Family F>
RuleIndex Rules<F>::rule_of(const Address& address) const {
    const auto after =
        std::upper_bound(inside_.begin(), inside_.end(), number_of(address),
                         [](Number number, const Range& range) { return number < range.begin; });
    return after == inside_.begin() ? kNoRule : std::prev(after)->rule;
}

template <Family F>
RuleIndex Rules<F>::rule_for(const Address& source, const Address& destination) const {
    const RuleIndex rule = rule_of(source);
    return rule == kNoRule || rule_of(destination) != kNoRule ? kNoRule : rule;
}

template <Family F>
Outside<F> Rules<F>::own(const Address& address) const {
    for (const Outside<F>& each : own_)
        if (each.address == address) return each;
    return {};
}

template <Family F>
Outside<F> Rules<F>::outside_of(RuleIndex rule, const Address& source,
                                const Address& own_there) const {
    const std::vector<Outside<F>>& outside = outside_[rule];
    if (outside.empty()) return own(own_there);
    const Words<F> words = words_of<F>(source);
    const Outside<F>* heaviest = nullptr;
    std::uint64_t most = 0;
    for (const Outside<F>& each : outside) {
        const std::uint64_t its = weight<F>(words, words_of<F>(each.address));
        if (heaviest != nullptr && its <= most) continue;
        heaviest = &each;
        most = its;
    }
    return *heaviest;
}

template class Rules<Family::ipv4>;
template class Rules<Family::ipv6>;

}  // namespace masquerade_rules

MasqueradeRules::MasqueradeRules(const std::vector<MasqueradeSpec>& rules,
                                 const std::vector<OutsideAddress>& own)
    : empty_(rules.empty()) {
    v4_.build(rules, own);
    v6_.build(rules, own);
}

}  // namespace usher
