// SPDX-License-Identifier: BSD-3-Clause
#include "control/port_layout.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace usher {

namespace {

tl::unexpected<Error> cannot(const std::string& why) {
    return fail(Errc::not_supported, why);
}

// What the file, or else Linux, says of an interface that is a VLAN of another one.
struct Tagged {
    std::string parent;
    std::uint16_t id = 0;  // 0: it is none
};

Result<Tagged> read_vlan_device(const KernelLink& vlan, const KernelNetwork& kernel) {
    const auto parent = kernel.links.find(vlan.parent);
    if (vlan.service_tag)
        return cannot(
            fmt::format("{0} has an 802.1ad tag; only 802.1Q VLANs are supported: ip link "
                        "add link PARENT name {0} type vlan id ID",
                        vlan.name));
    if (parent == kernel.links.end())
        return cannot(
            fmt::format("{}: the interface under this VLAN is in another network "
                        "namespace; usherd must run where that one is",
                        vlan.name));
    // Frames that come by way of others have lost their tag when XDP sees them.
    for (const char* kind : {"bond", "bridge", "macvlan"})
        if (parent->second.kind == kind)
            return cannot(
                fmt::format("{}: VLANs of a {} are not supported; put the VLANs on the "
                            "interfaces under it and name those",
                            vlan.name, kind));
    if (parent->second.kind == "vlan")
        return cannot(fmt::format("{} is a VLAN in VLAN {}; two tags are not supported", vlan.name,
                                  parent->second.name));
    return Tagged{parent->second.name, vlan.vlan};
}

Result<Tagged> tag_of(const InterfaceConfig& interface, const KernelNetwork& kernel) {
    if (interface.vlan != 0) return Tagged{interface.parent, interface.vlan};
    const KernelLink* link =
        interface.attach == AttachKind::af_xdp ? kernel.link(interface.name) : nullptr;
    if (link == nullptr || link->kind != "vlan") return Tagged{};
    return read_vlan_device(*link, kernel);
}

// The port of a VLAN's parent; one that only its VLANs are named of is made.
Result<PortIndex> parent_port(PortLayout& layout, const Tagged& tagged,
                              const InterfaceConfig& of_vlan) {
    auto known = std::find_if(layout.ports.begin(), layout.ports.end(),
                              [&](const auto& port) { return port.config.name == tagged.parent; });
    if (known == layout.ports.end()) {
        if (of_vlan.attach != AttachKind::af_xdp)
            return fail(Errc::invalid, fmt::format("{}: there is no [[interface]] {}, its parent",
                                                   of_vlan.name, tagged.parent));
        InterfaceConfig config = of_vlan;
        config.name = tagged.parent;
        config.parent.clear();
        config.vlan = 0;
        known = layout.ports.insert(known, {std::move(config), false});
    }
    if (known->config.attach == AttachKind::pci || !known->config.exception.empty())
        return cannot(
            fmt::format("{}: VLANs of {} are not supported, since all of that NIC is "
                        "given to DPDK; give it attach = \"af_xdp\"",
                        of_vlan.name, tagged.parent));
    return static_cast<PortIndex>(known - layout.ports.begin());
}

// What Linux has of a port it has of the master: addresses, routes and neighbours. Without them
// nothing can be forwarded there.
tl::unexpected<Error> is_port_of(const KernelLink& link, const KernelLink& master) {
    if (master.kind == "bond")
        return cannot(
            fmt::format("{0} is a member of {1}; name {1} instead", link.name, master.name));
    if (master.kind == "vrf")
        return cannot(
            fmt::format("{0} is a port of {1}, a VRF, whose routes are in a table of its own; only "
                        "the main table is followed: ip link set {0} nomaster",
                        link.name, master.name));
    if (master.kind == "openvswitch")
        return cannot(
            fmt::format("{0} is a port of Open vSwitch; name an internal port of the bridge, or: "
                        "ovs-vsctl del-port {0}",
                        link.name));
    return cannot(fmt::format("{0} is a port of {1}; name {1}, or: ip link set {0} nomaster",
                              link.name, master.name));
}

Result<void> is_nobodys_port(const std::string& name, const KernelNetwork& kernel) {
    const KernelLink* link = kernel.link(name);
    const auto master = link == nullptr ? kernel.links.end() : kernel.links.find(link->master);
    if (master == kernel.links.end()) return {};
    return is_port_of(*link, master->second);
}

// A bond hands an XDP program of the driver's on to its members, which cannot give packets to
// sockets of the bond: there the generic one is the way. Its members' packets are the bond's.
Result<void> fit_to_bond(InterfaceConfig& interface, const KernelNetwork& kernel) {
    const KernelLink* link = kernel.link(interface.name);
    if (interface.attach != AttachKind::af_xdp || link == nullptr) return {};
    if (link->kind != "bond") return {};
    if (interface.xdp == XdpMode::native)
        return cannot(
            fmt::format("{} is a bond, where native XDP does not reach us; leave xdp out, "
                        "or say xdp = \"generic\"",
                        link->name));
    interface.xdp = XdpMode::generic;
    return {};
}

// Of what the file names. Under VLANs only, frames of a bond's member are the bond's, too; other
// masters leave frames with tags to the VLANs.
Result<void> check_masters(const PortLayout& layout, const std::vector<InterfaceConfig>& interfaces,
                           const KernelNetwork& kernel) {
    const auto of_linux = [](const InterfaceConfig& each) {
        return each.attach == AttachKind::af_xdp;
    };
    for (const InterfaceConfig& interface : interfaces)
        if (of_linux(interface))
            if (auto free = is_nobodys_port(interface.name, kernel); !free) return free;
    for (const PortLayout::Physical& port : layout.ports) {
        const KernelLink* link = kernel.link(port.config.name);
        if (!of_linux(port.config) || link == nullptr) continue;
        const auto master = kernel.links.find(link->master);
        if (master != kernel.links.end() && master->second.kind == "bond")
            return is_port_of(*link, master->second);
    }
    return {};
}

}  // namespace

std::vector<VlanPort> PortLayout::vlan_ports() const {
    std::vector<VlanPort> all;
    for (const Vlan& vlan : vlans)
        all.push_back(vlan.port);
    return all;
}

Result<PortLayout> lay_out_ports(const std::vector<InterfaceConfig>& interfaces,
                                 const KernelNetwork& kernel) {
    PortLayout layout;
    std::vector<Tagged> tags;
    for (const InterfaceConfig& interface : interfaces) {
        auto tagged = tag_of(interface, kernel);
        if (!tagged) return tl::unexpected(tagged.error());
        if (tagged->id == 0) layout.ports.push_back({interface, true});
        tags.push_back(std::move(*tagged));
    }
    for (std::size_t i = 0; i < interfaces.size(); ++i) {
        if (tags[i].id == 0) continue;
        const auto parent = parent_port(layout, tags[i], interfaces[i]);
        if (!parent) return tl::unexpected(parent.error());
        const KernelLink* link =
            interfaces[i].attach == AttachKind::af_xdp ? kernel.link(interfaces[i].name) : nullptr;
        layout.vlans.push_back(
            {interfaces[i].name, link != nullptr ? link->ifindex : 0, {*parent, tags[i].id}});
    }
    if (auto fits = check_masters(layout, interfaces, kernel); !fits)
        return tl::unexpected(fits.error());
    for (PortLayout::Physical& port : layout.ports)
        if (auto fits = fit_to_bond(port.config, kernel); !fits)
            return tl::unexpected(fits.error());
    return layout;
}

}  // namespace usher
