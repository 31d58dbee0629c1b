// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/core.h>

#include <map>
#include <set>

#include "conf/endpoint.hpp"
#include "conf/rules.hpp"
#include "conf/sections.hpp"

namespace usher {
namespace {

constexpr unsigned kMinPacketBuffers = 1024;
constexpr unsigned kMaxPacketBuffers = 1U << 24;
constexpr unsigned kMaxQueues = 64;
constexpr unsigned kMaxVlan = 4094;  // IEEE 802.1Q: 0 and 4095 are no VLANs

void read_device(TableReader& reader, InterfaceConfig& into) {
    const bool device = into.attach == AttachKind::device;
    if (const auto text = reader.text("device")) {
        into.device = *text;
        if (device && text->empty()) reader.fail("device", "device: expected a DPDK device string");
    }
    reader.each_in_array("addresses", [&](const toml::node& node) {
        const auto text = reader.text_in("addresses", node);
        if (text && !parse_interface_address(*text))
            reader.errors().add(position_of(node),
                                fmt::format("addresses: expected \"ADDRESS/LENGTH\", such as "
                                            "\"10.0.0.1/24\", found \"{}\"",
                                            *text));
        into.addresses.push_back(text.value_or(""));
    });
    if (device && !reader.has("device") && !reader.has("parent"))
        reader.missing("device = \"DPDK DEVICE STRING\", which attach = \"device\" needs,");
    for (const std::string_view key : {"device", "addresses"})
        if (!device && reader.has(key))
            reader.fail(key, fmt::format("{}: only with attach = \"device\"", key));
}

void read_vlan(TableReader& reader, InterfaceConfig& into) {
    into.parent = reader.text("parent").value_or("");
    into.vlan = static_cast<std::uint16_t>(reader.integer("vlan", 1, kMaxVlan).value_or(0));
    if (reader.has("parent") != reader.has("vlan"))
        reader.fail(reader.has("vlan") ? "vlan" : "parent",
                    "parent and vlan: expected both or neither; of a VLAN device of Linux's, both "
                    "are known");
    for (const std::string_view key : {"device", "pci", "exception", "queues", "xdp", "zero_copy"})
        if (reader.has("parent") && reader.has(key))
            reader.fail(key, fmt::format("{}: that is the parent's", key));
}

// "0000:03:00.0", as `lspci -D` writes it.
bool is_pci_address(std::string_view text) {
    constexpr std::string_view kShape = "xxxx:xx:xx.x";
    if (text.size() != kShape.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool digit = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
        if (kShape[i] == 'x' ? !digit : text[i] != kShape[i]) return false;
    }
    return text.back() <= '7';
}

void read_pci(TableReader& reader, InterfaceConfig& into) {
    const bool pci = into.attach == AttachKind::pci;
    if (const auto text = reader.text("pci")) {
        into.pci = *text;
        if (pci && !is_pci_address(*text))
            reader.fail("pci", fmt::format("pci: expected a PCI address as `lspci -D` writes it, "
                                           "such as \"0000:03:00.0\", found \"{}\"",
                                           *text));
    }
    if (pci && !reader.has("pci"))
        reader.missing("pci = \"PCI ADDRESS\", which attach = \"pci\" needs,");
    if (!pci && reader.has("pci")) reader.fail("pci", "pci: only with attach = \"pci\"");
}

void read_exception(TableReader& reader, InterfaceConfig& into) {
    const auto name = reader.text("exception");
    if (!name) return;
    into.exception = *name;
    if (into.attach != AttachKind::device)
        reader.fail("exception",
                    "exception: only with attach = \"device\"; with \"pci\" it is the name");
    else if (!is_interface_name(*name))
        reader.fail("exception", fmt::format("exception: expected an interface name of 1 to 15 "
                                             "characters, found \"{}\"",
                                             *name));
    if (reader.has("addresses"))
        reader.fail("addresses", "addresses: with exception, they are those that Linux has there");
}

void read_xdp(TableReader& reader, InterfaceConfig& into) {
    into.xdp = reader.word("xdp", kXdpWords).value_or(into.xdp);
    into.zero_copy = reader.word("zero_copy", kZeroCopyWords).value_or(into.zero_copy);
    for (const std::string_view key : {"xdp", "zero_copy"})
        if (into.attach != AttachKind::af_xdp && reader.has(key))
            reader.fail(key, fmt::format("{}: only with attach = \"af_xdp\"", key));
    if (into.xdp == XdpMode::generic && into.zero_copy == ZeroCopy::on)
        reader.fail("zero_copy",
                    "zero_copy: generic XDP always copies; expected \"auto\" or \"off\"");
}

InterfaceConfig read_interface(TableReader& reader) {
    InterfaceConfig interface;
    if (const auto name = reader.text("name")) {
        interface.name = *name;
        if (!is_interface_name(*name))
            reader.fail("name", fmt::format("name: expected an interface name of 1 to 15 "
                                            "characters, found \"{}\"",
                                            *name));
    } else if (!reader.has("name")) {
        reader.missing("name = \"INTERFACE\"");
    }
    interface.role = reader.word("role", kRoleWords).value_or(Role::both);
    interface.attach = reader.word("attach", kAttachWords).value_or(AttachKind::af_xdp);
    interface.packet_buffers =
        reader.integer("packet_buffers", kMinPacketBuffers, kMaxPacketBuffers)
            .value_or(interface.packet_buffers);
    interface.queues = reader.integer("queues", 1, kMaxQueues).value_or(interface.queues);
    read_xdp(reader, interface);
    read_device(reader, interface);
    read_pci(reader, interface);
    read_exception(reader, interface);
    read_vlan(reader, interface);
    reader.unknown_keys();
    return interface;
}

// The interface of a neighbour or route: one of the file's, and one that no kernel owns.
std::string read_wire(TableReader& reader, const Config& config) {
    const auto name = reader.text("interface");
    if (!name) {
        if (!reader.has("interface")) reader.missing("interface = \"INTERFACE\"");
        return {};
    }
    for (const InterfaceConfig& interface : config.interfaces) {
        if (interface.name != *name) continue;
        if (interface.attach != AttachKind::device || !interface.exception.empty())
            reader.fail("interface",
                        "interface: expected one with attach = \"device\"; for others "
                        "the kernel's neighbours and routes are used");
        return *name;
    }
    reader.fail("interface", fmt::format("interface: expected the name of an [[interface]] of this "
                                         "file, found \"{}\"",
                                         *name));
    return *name;
}

void read_neighbour(const toml::table& table, TableReader& top, Config& config) {
    TableReader reader(table, "[[neighbour]]", top.errors());
    StaticNeighbour neighbour;
    if (const auto address = reader.address("address")) neighbour.address = *address;
    if (!reader.has("address")) reader.missing("address = \"ADDRESS\"");
    const auto text = reader.text("mac");
    const auto mac = text ? MacAddress::parse(*text) : std::nullopt;
    if (!reader.has("mac")) reader.missing("mac = \"MAC ADDRESS\"");
    if (text && !mac)
        reader.fail("mac", fmt::format("mac: expected a MAC address, such as "
                                       "\"02:00:00:00:00:01\", found \"{}\"",
                                       *text));
    neighbour.mac = mac.value_or(MacAddress{});
    neighbour.interface = read_wire(reader, config);
    reader.unknown_keys();
    config.neighbours.push_back(std::move(neighbour));
}

void read_destination(TableReader& reader, StaticRoute& route) {
    const auto text = reader.text("destination");
    if (!reader.has("destination")) reader.missing("destination = \"NETWORK/LENGTH\"");
    if (!text) return;
    const auto network = parse_interface_address(*text);
    if (!network)
        return reader.fail("destination",
                           fmt::format("destination: expected \"NETWORK/LENGTH\", such as "
                                       "\"10.0.0.0/8\", found \"{}\"",
                                       *text));
    route.destination = Prefix::of(network->address, network->length);
    if (route.destination.address != network->address)
        reader.fail("destination", fmt::format("destination: expected no bits after the prefix, "
                                               "\"{}\"",
                                               route.destination.to_string()));
}

void read_route(const toml::table& table, TableReader& top, Config& config) {
    TableReader reader(table, "[[route]]", top.errors());
    StaticRoute route;
    read_destination(reader, route);
    route.via = reader.address("via");
    if (route.via && route.via->family() != route.destination.address.family())
        reader.fail("via", "via: expected an address of the destination's family");
    route.interface = read_wire(reader, config);
    reader.unknown_keys();
    config.routes.push_back(std::move(route));
}

}  // namespace

void read_interfaces(TableReader& top, ReadConfig& into) {
    std::map<std::string, Position> names;
    std::map<std::string, Position> devices;
    top.each_table("interface", [&](const toml::table& table) {
        TableReader reader(table, "[[interface]]", top.errors());
        InterfaceConfig interface = read_interface(reader);
        const Position at = reader.position("name");
        const auto [first, fresh] = names.emplace(interface.name, at);
        if (!fresh && !interface.name.empty())
            reader.fail("name", fmt::format("duplicate interface \"{}\": first given at line {}",
                                            interface.name, first->second.line));
        const auto [device, unused] = devices.emplace(interface.pci, reader.position("pci"));
        if (!unused && !interface.pci.empty())
            reader.fail("pci", fmt::format("duplicate PCI device \"{}\": first given at line {}",
                                           interface.pci, device->second.line));
        into.config.interfaces.push_back(std::move(interface));
        into.source.interfaces.push_back(at);
    });
}

void read_wires(TableReader& top, ReadConfig& into) {
    top.each_table("neighbour",
                   [&](const toml::table& table) { read_neighbour(table, top, into.config); });
    top.each_table("route", [&](const toml::table& table) { read_route(table, top, into.config); });
}

}  // namespace usher
