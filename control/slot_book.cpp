// SPDX-License-Identifier: BSD-3-Clause
#include "control/slot_book.hpp"

namespace usher {

std::optional<ServerSlot> SlotBook::find(const SlotOwner& owner) const {
    const auto known = by_owner_.find(owner);
    return known == by_owner_.end() ? std::nullopt : std::optional(known->second);
}

const SlotOwner* SlotBook::owner(ServerSlot slot) const {
    return slot < owners_.size() && owners_[slot] ? &*owners_[slot] : nullptr;
}

std::optional<ServerSlot> SlotBook::assign(const SlotOwner& owner) {
    if (const auto known = find(owner)) return known;
    ServerSlot slot = 0;
    if (!free_.empty()) {
        slot = free_.back();
        free_.pop_back();
    } else if (owners_.size() < kMaxServers) {
        slot = static_cast<ServerSlot>(owners_.size());
        owners_.emplace_back();
    } else {
        return std::nullopt;
    }
    owners_[slot] = owner;
    by_owner_.emplace(owner, slot);
    return slot;
}

std::vector<std::pair<SlotOwner, ServerSlot>> SlotBook::release(
    const std::set<ServerSlot>& configured) {
    std::vector<std::pair<SlotOwner, ServerSlot>> released;
    for (auto it = by_owner_.begin(); it != by_owner_.end();) {
        const ServerSlot slot = it->second;
        const ServerLoad& load = plane_.loads[slot];
        // A connection that changes sides counts on both for a moment; looked at in this order, it
        // is seen on one of them.
        const bool bound = load.active.load(std::memory_order_acquire) != 0 ||
                           load.inactive.load(std::memory_order_acquire) != 0 ||
                           load.active.load(std::memory_order_acquire) != 0;
        if (bound || configured.contains(slot)) {
            ++it;
            continue;
        }
        released.emplace_back(it->first, slot);
        owners_[slot].reset();
        free_.push_back(slot);
        it = by_owner_.erase(it);
    }
    return released;
}

}  // namespace usher
