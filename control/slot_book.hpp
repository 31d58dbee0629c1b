// SPDX-License-Identifier: BSD-3-Clause
// Which number (ServerSlot) a real server of a service has: where the workers count for it.
//
// A server keeps its slot while it is configured, and after its deletion for as long as connections
// are bound to it; added again meanwhile, it finds its counts as they are (IPVS keeps deleted
// destinations in a trash for the same reason). Control thread only.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "conf/model.hpp"
#include "dataplane/data_plane.hpp"

namespace usher {

using SlotOwner = std::pair<ServiceKey, ServerKey>;
using SlotBits = std::vector<std::uint64_t>;  // a bit a slot

inline void set_bit(SlotBits& bits, ServerSlot slot) {
    if (slot / 64 >= bits.size()) bits.resize(slot / 64 + 1);
    bits[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

class SlotBook {
  public:
    using Servers = std::map<ServerKey, ServerSlot>;
    using Services = std::map<ServiceKey, Servers>;

    explicit SlotBook(DataPlane& plane) : plane_(plane) {}

    // The place of a service, good until release(); and the slot of a server there, a new one if
    // it has none, or nullopt when all are taken.
    Services::value_type& service(const ServiceKey& key) {
        return *by_service_.try_emplace(key).first;
    }
    std::optional<ServerSlot> assign(Services::value_type& service, const ServerKey& server);

    std::optional<ServerSlot> find(const SlotOwner& owner) const;
    std::optional<SlotOwner> owner(ServerSlot slot) const;

    // Those that are not in `configured` and have no connection any more: taken back. Only after a
    // snapshot without them was published: then no worker can bind another connection to them.
    std::vector<std::pair<SlotOwner, ServerSlot>> release(const SlotBits& configured);

    // All that are held, configured or not. A service may have none.
    const Services& held() const { return by_service_; }

  private:
    bool is_bound(ServerSlot slot) const;

    DataPlane& plane_;
    Services by_service_;
    struct Owner {  // keys of the maps, which stay where they are
        const ServiceKey* service = nullptr;
        const ServerKey* server = nullptr;
    };
    std::vector<Owner> owners_;  // by slot
    SlotBits held_;
    std::vector<ServerSlot> free_;
};

}  // namespace usher
