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

Statistics::ServerBook& Statistics::book_of(ServerSlot slot) {
    if (slot >= servers_.size()) servers_.resize(slot + 1);
    return servers_[slot];
}

Stats Statistics::slot_total(ServerSlot slot) const {
    return slot < servers_.size() ? read_(slot) - servers_[slot].begin : read_(slot);
}

Stats Statistics::service_total(const ServiceKey& key) const {
    Stats total = value_or_default(services_, key).departed;
    const auto held = slots_.held().find(key);
    if (held == slots_.held().end()) return total;
    for (const auto& [server, slot] : held->second)
        total = total + slot_total(slot);
    return total;
}

// Both maps are in the order of the keys: one walk over the two.
void Statistics::follow(const DesiredState& desired) {
    auto book = services_.begin();
    for (const auto& [key, service] : desired.services) {
        while (book != services_.end() && book->first < key)
            book = services_.erase(book);
        if (book == services_.end() || book->first != key)
            book = services_.emplace_hint(book, key, ServiceBook());
        if (book->second.created != service.created) {
            // New, or deleted and added again: it begins at zero whatever its servers bring along.
            book->second = ServiceBook();
            book->second.created = service.created;
            book->second.zero = service_total(key);
            book->second.rate.restart(book->second.zero);
        }
        ++book;
    }
    services_.erase(book, services_.end());
    for (const auto& [key, servers] : slots_.held())
        for (const auto& [server, slot] : servers) {
            ServerBook& one = book_of(slot);
            if (one.held) continue;
            one.held = true;
            one.rate.restart(slot_total(slot));
        }
}

void Statistics::released(const SlotOwner& owner, ServerSlot slot) {
    const auto service = services_.find(owner.first);
    if (service != services_.end())
        service->second.departed = service->second.departed + slot_total(slot);
    book_of(slot) = ServerBook();
    servers_[slot].begin = read_(slot);
}

void Statistics::sample() {
    for (auto& [key, book] : services_)
        book.rate.sample(service_total(key));
    for (ServerSlot slot = 0; slot < servers_.size(); ++slot)
        if (servers_[slot].held) servers_[slot].rate.sample(slot_total(slot));
}

void Statistics::zero(const std::optional<ServiceKey>& service) {
    for (auto& [key, book] : services_) {
        if (service && *service != key) continue;
        book.zero = service_total(key);
        book.rate.restart(book.zero);
    }
    for (const auto& [key, servers] : slots_.held()) {
        if (service && *service != key) continue;
        for (const auto& [server, slot] : servers) {
            Book& book = book_of(slot);
            book.zero = slot_total(slot);
            book.rate.restart(book.zero);
        }
    }
}

Stats Statistics::service_stats(const ServiceKey& key) const {
    return service_total(key) - value_or_default(services_, key).zero;
}
Rate Statistics::service_rate(const ServiceKey& key) const {
    return value_or_default(services_, key).rate.read();
}
Stats Statistics::server_stats(ServerSlot slot) const {
    return slot < servers_.size() ? slot_total(slot) - servers_[slot].zero : slot_total(slot);
}
Rate Statistics::server_rate(ServerSlot slot) const {
    return slot < servers_.size() ? servers_[slot].rate.read() : Rate();
}

}  // namespace usher
