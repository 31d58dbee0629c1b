// SPDX-License-Identifier: BSD-3-Clause
// Which number (ServerSlot) a real server of a service has: where the workers count for it.
//
// A server keeps its slot while it is configured, and after its deletion for as long as connections
// are bound to it; added again meanwhile, it finds its counts as they are (IPVS keeps deleted
// destinations in a trash for the same reason). Control thread only.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "conf/model.hpp"
#include "dataplane/data_plane.hpp"

namespace usher {

using SlotOwner = std::pair<ServiceKey, ServerKey>;

class SlotBook {
  public:
    explicit SlotBook(const DataPlane& plane) : plane_(plane) {}

    // The owner's slot, a new one if it has none; nullopt when all are taken.
    std::optional<ServerSlot> assign(const SlotOwner& owner);
    std::optional<ServerSlot> find(const SlotOwner& owner) const;
    const SlotOwner* owner(ServerSlot slot) const;

    // Those that are not in `configured` and have no connection any more: taken back. Only after a
    // snapshot without them was published: then no worker can bind another connection to them.
    std::vector<std::pair<SlotOwner, ServerSlot>> release(const std::set<ServerSlot>& configured);

    // All that are held, configured or not.
    const std::map<SlotOwner, ServerSlot>& held() const { return by_owner_; }

  private:
    const DataPlane& plane_;
    std::map<SlotOwner, ServerSlot> by_owner_;
    std::vector<std::optional<SlotOwner>> owners_;  // by slot
    std::vector<ServerSlot> free_;
};

}  // namespace usher
