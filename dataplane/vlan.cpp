// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/vlan.hpp"

#include <cstring>

#include "dataplane/worker.hpp"

namespace usher {

namespace {
constexpr std::size_t kAddresses = 12;  // of an Ethernet header
constexpr std::uint16_t kIdBits = 0x0fff;
}  // namespace

VlanTable::VlanTable(const std::vector<VlanPort>& vlans, PortIndex first) {
    for (const VlanPort& vlan : vlans) {
        const auto [ports, added] = by_parent_.try_emplace(vlan.parent);
        if (added) ports->second.fill(kNone);
        ports->second[vlan.id % kVlanIds] = first;
        ++first;
    }
}

bool has_vlan_tag(const rte_mbuf* packet) {
    const auto* frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
    return packet->data_len >= kEthernetHeader + kVlanTag &&
           load<Be16>(frame + kAddresses).host() == kEtherTypeVlan;
}

std::uint16_t vlan_of(const rte_mbuf* packet) {
    const auto* frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
    return load<Be16>(frame + kAddresses + 2).host() & kIdBits;
}

void take_tag_off(rte_mbuf* packet) {
    auto* frame = rte_pktmbuf_mtod(packet, std::uint8_t*);
    std::memmove(frame + kVlanTag, frame, kAddresses);
    rte_pktmbuf_adj(packet, kVlanTag);
}

bool put_tag_on(rte_mbuf* packet, std::uint16_t id) {
    auto* frame = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(packet, kVlanTag));
    if (frame == nullptr) return false;
    std::memmove(frame, frame + kVlanTag, kAddresses);
    store(frame + kAddresses, Be16::from_host(kEtherTypeVlan));
    store(frame + kAddresses + 2, Be16::from_host(id));
    return true;
}

// Tagged packets of the burst, after those without a tag: each VLAN's as a burst of its own.
void Worker::pass_tagged(PortIndex parent) {
    std::array<rte_mbuf*, kMaxBurst> left = tagged_;
    unsigned count = std::exchange(tagged_count_, 0);
    while (count > 0) {
        const std::uint16_t id = vlan_of(left[0]);
        std::array<rte_mbuf*, kMaxBurst> same;
        unsigned chosen = 0, others = 0;
        for (unsigned i = 0; i < count; ++i)
            (vlan_of(left[i]) == id ? same[chosen++] : left[others++]) = left[i];
        count = others;
        pass_vlan({same.data(), chosen}, vlans_.port_of(parent, id));
    }
}

void Worker::pass_vlan(std::span<rte_mbuf*> packets, PortIndex port) {
    unsigned kept = 0;
    for (rte_mbuf* packet : packets) {
        if (port != VlanTable::kNone) take_tag_off(packet);
        if (port == VlanTable::kNone || has_vlan_tag(packet))
            drop(packet, Drop::unknown_vlan);
        else
            packets[kept++] = packet;
    }
    if (kept > 0) pass_burst(packets.first(kept), port);
}

}  // namespace usher
