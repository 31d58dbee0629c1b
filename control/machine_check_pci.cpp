// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>

#include "control/machine_check.hpp"

namespace usher {

namespace {

constexpr std::string_view kOurs = "vfio-pci";
constexpr std::uint16_t kMellanox = 0x15b3;

std::string peers_text(const std::vector<PciFacts::Peer>& peers) {
    std::string text;
    for (const PciFacts::Peer& peer : peers)
        text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", peer.address, peer.driver);
    return text;
}

// The devices of a group can reach each other's memory, so VFIO gives them out together.
std::vector<PciFacts::Peer> peers_in_the_way(const PciFacts& device) {
    std::vector<PciFacts::Peer> taken;
    for (const PciFacts::Peer& peer : device.group)
        if (!peer.driver.empty() && peer.driver != kOurs) taken.push_back(peer);
    return taken;
}

struct Fault {
    std::string what, remedy;
};

std::optional<Fault> binding_fault(const std::string& address, const PciFacts& device,
                                   const Machine& machine) {
    const std::string bind =
        fmt::format("{}driverctl set-override {} vfio-pci",
                    machine.has_vfio_pci ? "" : "modprobe vfio-pci; ", address);
    if (device.driver == kOurs) return std::nullopt;
    if (device.driver.empty()) return Fault{fmt::format("{} has no driver", address), bind};
    if (device.interface.empty())
        return Fault{fmt::format("{} is in use by driver {}", address, device.driver), bind};
    return Fault{fmt::format("{} is in use by driver {}, as Linux's interface {}", address,
                             device.driver, device.interface),
                 fmt::format("{}, after which {} is gone: not the one that you are logged in over",
                             bind, device.interface)};
}

std::optional<Fault> pci_fault(const std::string& address, const Machine& machine) {
    const auto found = machine.pci.find(address);
    if (found == machine.pci.end())
        return Fault{fmt::format("there is no PCI device {}", address),
                     "`lspci -D | grep Ethernet` lists the network devices"};
    const PciFacts& device = found->second;
    if (!device.is_network)
        return Fault{fmt::format("{} is not a network device", address),
                     "`lspci -D | grep Ethernet` lists those that are"};
    if (device.vendor == kMellanox)
        return Fault{
            fmt::format("{} is a ConnectX, which Linux's driver and DPDK's share", address),
            "attach = \"af_xdp\", with the name of its interface in `ip link`"};
    if (!machine.has_iommu)
        return Fault{
            "the IOMMU is off, which keeps a device to the memory that it was given",
            "intel_iommu=on (AMD: amd_iommu=on) and iommu=pt on the kernel's command line, "
            "and VT-d or AMD-Vi in the firmware; then reboot"};
    if (device.iommu_group.empty())
        return Fault{fmt::format("{} is behind no IOMMU", address),
                     "another slot, or VT-d or AMD-Vi in the firmware"};
    if (auto fault = binding_fault(address, device, machine)) return fault;
    if (const auto taken = peers_in_the_way(device); !taken.empty())
        return Fault{fmt::format("{} shares IOMMU group {} with {}", address, device.iommu_group,
                                 peers_text(taken)),
                     "give those to vfio-pci as well, or use another slot"};
    return std::nullopt;
}

}  // namespace

Finding judge_pci(const InterfaceConfig& interface, const Machine& machine) {
    if (auto fault = pci_fault(interface.pci, machine))
        return {Grade::error, interface.name + ": " + fault->what, fault->remedy};
    return {Grade::ok,
            fmt::format("{}: {} is bound to vfio-pci, IOMMU group {}", interface.name,
                        interface.pci, machine.pci.at(interface.pci).iommu_group),
            {}};
}

}  // namespace usher
