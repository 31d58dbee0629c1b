// SPDX-License-Identifier: BSD-3-Clause
#include "control/masquerade_planner.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "conf/masquerade.hpp"

namespace usher {

namespace {

bool is_inside(const MasqueradePlan& plan, const IpAddress& address) {
    return std::any_of(plan.inside.begin(), plan.inside.end(),
                       [&](const Prefix& prefix) { return prefix.contains(address); });
}

constexpr PortRange kOfOtherAddress{1, 65535};

// The box's own pings have any query id: drawn over a raw socket, counted up by Linux over another.
// So of its own addresses few are taken, and none of those that are inside, or lend ports for what
// comes from the inside to a server there: what pings go there?
constexpr PortRange kQueriesOfOwnAddress{32768, 65535};

OutsidePorts ports_of(const MasqueradeRule& rule, const IpAddress& address,
                      const MasqueradePlan& plan, const std::vector<IpAddress>& box) {
    const auto all = [&](PortRange ports) {
        return OutsidePorts{address, ports.first, ports.last, ports.first, ports.last};
    };
    if (rule.ports) return all(*rule.ports);
    if (std::find(box.begin(), box.end(), address) == box.end()) return all(kOfOtherAddress);
    OutsidePorts own = all(kPortsOfOwnAddress);
    own.first_query = kQueriesOfOwnAddress.first;
    own.last_query = is_inside(plan, address) ? 0 : kQueriesOfOwnAddress.last;
    own.query_bits = kSparseBits;
    return own;
}

}  // namespace

MasqueradePlan plan_masquerade(const std::vector<MasqueradeRule>& rules, const BoxAddresses& box) {
    MasqueradePlan plan;
    if (rules.empty()) return plan;
    plan.rules = rules;
    std::set<IpAddress> seen;
    const auto add = [&](const MasqueradeRule& rule, const IpAddress& address) {
        if (!seen.insert(address).second) return false;
        plan.outside.push_back(ports_of(rule, address, plan, box.all));
        return true;
    };
    for (const MasqueradeRule& rule : rules) {
        plan.inside.insert(plan.inside.end(), rule.inside.begin(), rule.inside.end());
        for (const AddressRange& range : rule.outside)
            for (const IpAddress& address : addresses_of(range))
                add(rule, address);
    }
    const auto own_rule = std::find_if(rules.begin(), rules.end(), [](const MasqueradeRule& rule) {
        return rule.outside.empty();
    });
    for (const IpAddress& own : box.sources) {
        if (own_rule == rules.end() && !box.seen_inside.contains(own)) continue;
        plan.own.push_back(own);
        const bool is_new = add(own_rule == rules.end() ? MasqueradeRule{} : *own_rule, own);
        if (is_new && own_rule == rules.end()) plan.outside.back().last_query = 0;
    }
    return plan;
}

OutsideIndex OutsideBook::free_index() const {
    std::vector<bool> taken(pool_.addresses());
    for (const auto& [address, entry] : entries_)
        taken[entry.index] = true;
    const auto free = std::find(taken.begin(), taken.end(), false);
    return free == taken.end() ? kNoOutside : static_cast<OutsideIndex>(free - taken.begin());
}

void OutsideBook::reserve(const Entry& entry, const std::vector<ServiceKey>& services) {
    std::vector<std::uint16_t> tcp;
    std::vector<std::uint16_t> udp;
    for (const ServiceKey& service : services) {
        if (service.fwmark != 0 || service.address != entry.ports.address) continue;
        if (service.protocol == Protocol::tcp) tcp.push_back(service.port);
        if (service.protocol == Protocol::udp) udp.push_back(service.port);
    }
    pool_.set_services(entry.index, PortKind::tcp, tcp);
    pool_.set_services(entry.index, PortKind::udp, udp);
}

Result<void> OutsideBook::set(const std::vector<OutsidePorts>& wanted,
                              const std::vector<ServiceKey>& services) {
    release();
    std::size_t fresh = 0;
    for (const OutsidePorts& each : wanted)
        if (!entries_.contains(each.address)) ++fresh;
    if (entries_.size() + fresh > pool_.addresses())
        return fail(Errc::no_space,
                    "at most " + std::to_string(pool_.addresses()) +
                        " outside addresses, with those whose ports are still in use");
    for (auto& [address, entry] : entries_)
        entry.wanted = false;
    for (const OutsidePorts& each : wanted) {
        auto found = entries_.find(each.address);
        if (found == entries_.end()) {
            found = entries_.emplace(each.address, Entry{free_index(), {}, false}).first;
            pool_.begin_address(found->second.index);
        }
        Entry& entry = found->second;
        if (entry.wanted) continue;
        entry.ports = each;
        entry.wanted = true;
        reserve(entry, services);
        pool_.set_span(entry.index, {each.first_port, each.last_port},
                       {each.first_query, each.last_query,
                        each.query_bits == 0 ? Density::every : Density::sparse});
    }
    for (const auto& [address, entry] : entries_)
        if (!entry.wanted) pool_.set_span(entry.index, {});
    return {};
}

bool OutsideBook::release() {
    return std::erase_if(entries_, [&](const auto& item) {
               return !item.second.wanted && pool_.is_idle(item.second.index);
           }) != 0;
}

OutsideIndex OutsideBook::index_of(const IpAddress& address) const {
    const auto found = entries_.find(address);
    return found == entries_.end() ? kNoOutside : found->second.index;
}

std::vector<OutsidePorts> OutsideBook::held() const {
    std::vector<OutsidePorts> held;
    for (const auto& [address, entry] : entries_)
        held.push_back(entry.ports);
    return held;
}

std::shared_ptr<const MasqueradeRules> compile_masquerade(const MasqueradePlan& plan,
                                                          const OutsideBook& book) {
    std::vector<MasqueradeSpec> specs;
    for (const MasqueradeRule& rule : plan.rules) {
        MasqueradeSpec& spec = specs.emplace_back();
        spec.inside = rule.inside;
        for (const AddressRange& range : rule.outside)
            for (const IpAddress& address : addresses_of(range))
                spec.outside.push_back({address, book.index_of(address)});
    }
    std::vector<OutsideAddress> own;
    for (const IpAddress& each : plan.own)
        own.push_back({each, book.index_of(each)});
    return std::make_shared<MasqueradeRules>(specs, own);
}

}  // namespace usher
