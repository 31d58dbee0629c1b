// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/masquerade_rules.hpp"

#include <algorithm>
#include <cstring>

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

template <Family F>
Words<F> mask_of(unsigned length) {
    Words<F> mask;
    for (std::uint32_t& word : mask) {
        const unsigned bits = std::min(length, 32U);
        word = Be32::from_host(bits == 0 ? 0 : 0xffffffff << (32 - bits)).raw();
        length -= bits;
    }
    return mask;
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
void Rules<F>::build(const std::vector<MasqueradeSpec>& rules,
                     const std::vector<OutsideAddress>& own) {
    for (std::size_t rule = 0; rule < rules.size(); ++rule) {
        for (const Prefix& prefix : rules[rule].inside)
            if (prefix.address.family() == F)
                inside_.push_back({words_of<F>(wire_of<F>(prefix.address)),
                                   mask_of<F>(prefix.length), static_cast<RuleIndex>(rule)});
        auto& outside = outside_.emplace_back();
        for (const OutsideAddress& each : rules[rule].outside)
            if (each.address.family() == F) outside.push_back(outside_from<F>(each, false));
    }
    for (const OutsideAddress& each : own)
        if (each.address.family() == F) own_.push_back(outside_from<F>(each, true));
}

template <Family F>
RuleIndex Rules<F>::rule_of(const Address& address) const {
    const Words<F> words = words_of<F>(address);
    for (const Inside& inside : inside_) {
        bool matches = true;
        for (std::size_t i = 0; i < words.size(); ++i)
            matches = matches && (words[i] & inside.mask[i]) == inside.network[i];
        if (matches) return inside.rule;
    }
    return kNoRule;
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
