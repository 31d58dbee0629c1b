// SPDX-License-Identifier: BSD-3-Clause
#include "control/slot_book.hpp"

#include <bit>

namespace usher {

std::optional<ServerSlot> SlotBook::find(const SlotOwner& owner) const {
    const auto service = by_service_.find(owner.first);
    if (service == by_service_.end()) return std::nullopt;
    const auto known = service->second.find(owner.second);
    return known == service->second.end() ? std::nullopt : std::optional(known->second);
}

std::optional<SlotOwner> SlotBook::owner(ServerSlot slot) const {
    if (slot >= owners_.size() || owners_[slot].service == nullptr) return std::nullopt;
    return SlotOwner{*owners_[slot].service, *owners_[slot].server};
}

std::optional<ServerSlot> SlotBook::assign(Services::value_type& service, const ServerKey& server) {
    const auto known = service.second.lower_bound(server);
    if (known != service.second.end() && known->first == server) return known->second;
    ServerSlot slot = 0;
    if (!free_.empty()) {
        slot = free_.back();
        free_.pop_back();
    } else if (owners_.size() < kNobodysSlot) {
        slot = static_cast<ServerSlot>(owners_.size());
        owners_.emplace_back();
    } else {
        return std::nullopt;
    }
    ServerLoad& load = plane_.loads[slot];
    load.upper.store(0, std::memory_order_relaxed);
    load.lower.store(0, std::memory_order_relaxed);
    load.overloaded.store(0, std::memory_order_relaxed);
    const auto placed = service.second.emplace_hint(known, server, slot);
    owners_[slot] = {&service.first, &placed->first};
    set_bit(held_, slot);
    return slot;
}

// A connection that changes sides counts on both for a moment; looked at in this order, it is seen
// on one of them.
bool SlotBook::is_bound(ServerSlot slot) const {
    const ServerLoad& load = plane_.loads[slot];
    return load.active.load(std::memory_order_acquire) != 0 ||
           load.inactive.load(std::memory_order_acquire) != 0 ||
           load.active.load(std::memory_order_acquire) != 0 ||
           load.persistent.load(std::memory_order_acquire) != 0;
}

std::vector<std::pair<SlotOwner, ServerSlot>> SlotBook::release(const SlotBits& configured) {
    std::vector<std::pair<SlotOwner, ServerSlot>> released;
    for (std::size_t word = 0; word < held_.size(); ++word) {
        const std::uint64_t wanted = word < configured.size() ? configured[word] : 0;
        for (std::uint64_t left = held_[word] & ~wanted; left != 0; left &= left - 1) {
            const auto slot = static_cast<ServerSlot>(word * 64 + std::countr_zero(left));
            if (is_bound(slot)) continue;
            const SlotOwner owner{*owners_[slot].service, *owners_[slot].server};
            released.emplace_back(owner, slot);
            owners_[slot] = {};
            held_[word] &= ~(std::uint64_t{1} << (slot % 64));
            free_.push_back(slot);
            const auto service = by_service_.find(owner.first);
            service->second.erase(owner.second);
        }
    }
    for (const auto& [owner, slot] : released) {
        const auto service = by_service_.find(owner.first);
        if (service != by_service_.end() && service->second.empty()) by_service_.erase(service);
    }
    return released;
}

}  // namespace usher
