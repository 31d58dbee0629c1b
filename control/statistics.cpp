// SPDX-License-Identifier: BSD-3-Clause
#include "control/statistics.hpp"

namespace usher {

namespace {

Stats operator+(Stats a, const Stats& b) {
    a.conns += b.conns;
    a.in_packets += b.in_packets;
    a.out_packets += b.out_packets;
    a.in_bytes += b.in_bytes;
    a.out_bytes += b.out_bytes;
    return a;
}

Stats operator-(Stats a, const Stats& b) {
    a.conns -= b.conns;
    a.in_packets -= b.in_packets;
    a.out_packets -= b.out_packets;
    a.in_bytes -= b.in_bytes;
    a.out_bytes -= b.out_bytes;
    return a;
}

template <class Map>
auto value_or_default(const Map& map, const typename Map::key_type& key) {
    const auto found = map.find(key);
    return found == map.end() ? typename Map::mapped_type{} : found->second;
}

}  // namespace

Stats Statistics::slot_total(ServerSlot slot) const {
    return read_(slot) - value_or_default(begin_, slot);
}

Stats Statistics::service_total(const ServiceKey& key) const {
    Stats total = value_or_default(services_, key).departed;
    const auto& held = slots_.held();
    for (auto it = held.lower_bound({key, {}}); it != held.end() && it->first.first == key; ++it)
        total = total + slot_total(it->second);
    return total;
}

void Statistics::follow(const DesiredState& desired) {
    std::erase_if(services_,
                  [&](const auto& entry) { return !desired.services.contains(entry.first); });
    for (const auto& [key, service] : desired.services) {
        ServiceBook& book = services_[key];
        if (book.created == service.created) continue;
        // New, or deleted and added again: it begins at zero whatever its servers bring along.
        book = ServiceBook{};
        book.created = service.created;
        book.zero = service_total(key);
        book.rate.restart(book.zero);
    }
    for (const auto& [owner, slot] : slots_.held())
        if (!servers_.contains(slot)) servers_[slot].rate.restart(slot_total(slot));
}

void Statistics::released(const SlotOwner& owner, ServerSlot slot) {
    const auto service = services_.find(owner.first);
    if (service != services_.end())
        service->second.departed = service->second.departed + slot_total(slot);
    begin_[slot] = read_(slot);
    servers_.erase(slot);
}

void Statistics::sample() {
    for (auto& [key, book] : services_)
        book.rate.sample(service_total(key));
    for (auto& [slot, book] : servers_)
        book.rate.sample(slot_total(slot));
}

void Statistics::zero(const std::optional<ServiceKey>& service) {
    for (auto& [key, book] : services_) {
        if (service && *service != key) continue;
        book.zero = service_total(key);
        book.rate.restart(book.zero);
    }
    for (auto& [slot, book] : servers_) {
        const SlotOwner* owner = slots_.owner(slot);
        if (owner == nullptr || (service && owner->first != *service)) continue;
        book.zero = slot_total(slot);
        book.rate.restart(book.zero);
    }
}

Stats Statistics::service_stats(const ServiceKey& key) const {
    return service_total(key) - value_or_default(services_, key).zero;
}
Rate Statistics::service_rate(const ServiceKey& key) const {
    return value_or_default(services_, key).rate.read();
}
Stats Statistics::server_stats(ServerSlot slot) const {
    return slot_total(slot) - value_or_default(servers_, slot).zero;
}
Rate Statistics::server_rate(ServerSlot slot) const {
    return value_or_default(servers_, slot).rate.read();
}

}  // namespace usher
