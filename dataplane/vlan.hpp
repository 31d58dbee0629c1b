// SPDX-License-Identifier: BSD-3-Clause
// VLANs: ports of their own that share a NIC with others, by the 802.1Q tag in front of the type.
//
// A tagged frame loses its tag before any stage looks at it, and is then a packet of its VLAN's
// port; what goes out by such a port gets the tag when it is sent. So nothing else knows of tags,
// and packets without one pay nothing. One tag (type 0x8100); of a second one nobody knows.
// Priority and drop-eligible bits of what came in are not kept: what goes out has priority 0. A tag
// of VLAN 0 is a priority and nothing else (IEEE 802.1Q section 6.9; some fabrics put one on every
// frame): without it the frame is one of the untagged port.
//
//   ff..ff 02..01 8100 000a 0800 IP...  <->  ff..ff 02..01 0800 IP...   and VLAN 10
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "dataplane/network.hpp"

namespace usher {

inline constexpr std::uint16_t kEtherTypeVlan = 0x8100;
inline constexpr std::uint16_t kVlanTag = 4;  // bytes
inline constexpr unsigned kVlanIds = 4096;
inline constexpr std::uint16_t kNoVlan = 0;

struct VlanPort {
    PortIndex parent = 0;  // of the untagged port with the queues
    std::uint16_t id = 0;  // 1..4094
};

// Which port a tag means. Immutable.
class VlanTable {
  public:
    static constexpr PortIndex kNone = 0xffff;

    // The port of vlans[i] is first + i.
    VlanTable(const std::vector<VlanPort>& vlans, PortIndex first);

    // Whether frames with such a tag are looked at.
    bool knows(std::uint16_t id) const { return id == kNoVlan || !by_parent_.empty(); }
    PortIndex port_of(PortIndex parent, std::uint16_t id) const {
        if (id == kNoVlan) return parent;
        const auto found = by_parent_.find(parent);
        return found == by_parent_.end() ? kNone : found->second[id % kVlanIds];
    }

  private:
    std::map<PortIndex, std::array<PortIndex, kVlanIds>> by_parent_;
};

// The id in the tag of a frame that has one, with its type and at least the type behind it.
std::uint16_t vlan_of(const rte_mbuf* packet);
bool has_vlan_tag(const rte_mbuf* packet);

void take_tag_off(rte_mbuf* packet);
// False: there is no room in front of the frame.
bool put_tag_on(rte_mbuf* packet, std::uint16_t id);

}  // namespace usher
