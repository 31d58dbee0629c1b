// SPDX-License-Identifier: BSD-3-Clause
// Masquerading's rules, addresses and ports, as RunningDirector keeps them.
#include "control/log.hpp"
#include "control/running_director.hpp"

namespace usher {

// Before the services of `desired` are published: their ports are not handed out from now on.
Result<void> RunningDirector::set_masquerade(const DesiredState& desired) {
    BoxAddresses box = box_addresses();
    box.seen_inside = seen_inside(desired.masquerade);
    MasqueradePlan plan = plan_masquerade(desired.masquerade, box);
    std::vector<ServiceKey> services;
    for (const auto& [key, service] : desired.services)
        services.push_back(key);
    if (auto set = outside_.set(plan.outside, services); !set) return set;
    masquerade_ = compile_masquerade(plan, outside_);
    masquerade_plan_ = std::move(plan);
    return {};
}

// By the ways to the prefixes, and those to parts of them.
std::set<IpAddress> RunningDirector::seen_inside(const std::vector<MasqueradeRule>& rules) const {
    std::set<IpAddress> seen;
    if (rules.empty()) return seen;
    const auto follow = [&]<Family F>(const AddressOf<F>& address) {
        const Way<F> way = network_->way_to<F>(address);
        if (way.kind == WayKind::none) return;
        const auto own = network_->source_towards<F>(way.port, way.neighbour);
        if (own != AddressOf<F>{}) seen.insert(IpAddress(own));
    };
    const auto follow_to = [&](const IpAddress& address) {
        if (address.is_ipv4())
            follow.operator()<Family::ipv4>(address.v4());
        else
            follow.operator()<Family::ipv6>(address.bytes());
    };
    std::vector<MasqueradeSpec> specs;
    for (const MasqueradeRule& rule : rules) {
        specs.push_back({rule.inside, {}});
        for (const Prefix& inside : rule.inside)
            follow_to(inside.address);
    }
    const MasqueradeRules inside(specs, {});
    for (const NetworkPlan::Route& route : planner_.routes())
        if (const IpAddress& to = route.destination.address;
            to.is_ipv4() ? inside.is_inside<Family::ipv4>(to.v4())
                         : inside.is_inside<Family::ipv6>(to.bytes()))
            follow_to(to);
    return seen;
}

BoxAddresses RunningDirector::box_addresses() const {
    BoxAddresses box;
    for (const NetworkPlan::Source& source : planner_.sources())
        box.sources.push_back(source.address);
    box.all = box.sources;
    if (parts_.kernel != nullptr)
        for (const KernelAddress& each : parts_.kernel->network().addresses)
            box.all.push_back(each.address);
    return box;
}

// Ports that have rested, addresses that nobody needs any more, and a word when ports run out.
void RunningDirector::watch_outside() {
    if (++seconds_ % kGenerationSeconds == 0) parts_.plane.ports.begin_generation();
    if (outside_.release())
        if (const auto steered = steer(desired_); !steered)
            log_error("steering: {}", steered.error().message);
    std::uint64_t exhausted = 0;
    for (const OutsideRow& row : outside())
        exhausted += row.exhausted;
    if (exhausted > exhausted_before_)
        log_warning(
            "masquerading: {} connections found no outside port: see usher masquerade ports",
            exhausted - exhausted_before_);
    exhausted_before_ = exhausted;
}

}  // namespace usher
