// SPDX-License-Identifier: BSD-3-Clause
#include "conf/write.hpp"

#include "conf/endpoint.hpp"
#include "conf/masquerade.hpp"
#include "conf/toml_text.hpp"
#include "conf/vs_settings.hpp"
#include "conf/write_services.hpp"

namespace usher {
namespace {

std::string table_text(std::string_view header, const TomlPairs& pairs) {
    return std::string(header) + "\n" + pairs.lines() + "\n";
}

std::string interface_text(const InterfaceConfig& interface) {
    TomlPairs pairs;
    pairs.add_text("name", interface.name);
    pairs.add_word("role", interface.role, Role::both, kRoleWords);
    pairs.add_word("attach", interface.attach, AttachKind::af_xdp, kAttachWords);
    if (!interface.device.empty()) pairs.add_text("device", interface.device);
    if (!interface.pci.empty()) pairs.add_text("pci", interface.pci);
    if (!interface.exception.empty()) pairs.add_text("exception", interface.exception);
    if (!interface.parent.empty()) pairs.add_text("parent", interface.parent);
    pairs.add_number("vlan", interface.vlan, 0);
    pairs.add_number("packet_buffers", interface.packet_buffers, InterfaceConfig{}.packet_buffers);
    pairs.add_number("queues", interface.queues, 0);
    pairs.add_word("xdp", interface.xdp, XdpMode::automatic, kXdpWords);
    pairs.add_word("zero_copy", interface.zero_copy, ZeroCopy::automatic, kZeroCopyWords);
    std::vector<std::string> addresses;
    for (const std::string& address : interface.addresses)
        addresses.push_back(toml_string(address));
    if (!addresses.empty()) pairs.add("addresses", toml_array(addresses));
    return table_text("[[interface]]", pairs);
}

std::string neighbour_text(const StaticNeighbour& neighbour) {
    TomlPairs pairs;
    pairs.add_text("address", neighbour.address.to_string());
    pairs.add_text("mac", neighbour.mac.to_string());
    pairs.add_text("interface", neighbour.interface);
    return table_text("[[neighbour]]", pairs);
}

std::string route_text(const StaticRoute& route) {
    TomlPairs pairs;
    pairs.add_text("destination", route.destination.to_string());
    if (route.via) pairs.add_text("via", route.via->to_string());
    pairs.add_text("interface", route.interface);
    return table_text("[[route]]", pairs);
}

TomlPairs timeout_pairs(const Timeouts& timeouts) {
    const Timeouts standard;
    TomlPairs pairs;
    pairs.add_number("tcp", timeouts.tcp, standard.tcp);
    pairs.add_number("tcp_fin", timeouts.tcp_fin, standard.tcp_fin);
    pairs.add_number("udp", timeouts.udp, standard.udp);
    return pairs;
}

TomlPairs vs_pairs(const VsSettings& vs) {
    const VsSettings standard;
    TomlPairs pairs;
    for (const VsSetting& setting : vs_settings())
        pairs.add_number(setting.name, vs.*setting.value, standard.*setting.value);
    return pairs;
}

void add_ports(TomlPairs& pairs, std::string_view key, const PortRange& ports) {
    if (ports != PortRange{}) pairs.add_text(key, port_range_text(ports));
}

std::string mark_text(const MarkRule& rule) {
    TomlPairs pairs;
    pairs.add("mark", std::to_string(rule.mark));
    if (!rule.source && !rule.destination)  // they tell it
        pairs.add_word("family", rule.family, Family::ipv4, kFamilyWords);
    if (rule.protocol) pairs.add_text("protocol", word_of(kProtocolWords, *rule.protocol));
    if (rule.source) pairs.add_text("source", rule.source->to_string());
    if (rule.destination) pairs.add_text("destination", rule.destination->to_string());
    add_ports(pairs, "source_ports", rule.source_ports);
    add_ports(pairs, "destination_ports", rule.destination_ports);
    if (!rule.interface.empty()) pairs.add_text("interface", rule.interface);
    return table_text("[[mark]]", pairs);
}

std::string masquerade_text(const MasqueradeRule& rule) {
    TomlPairs pairs;
    std::vector<std::string> inside;
    for (const Prefix& prefix : rule.inside)
        inside.push_back(toml_string(prefix.to_string()));
    pairs.add("inside", toml_array(inside));
    std::vector<std::string> outside;
    for (const AddressRange& range : rule.outside)
        outside.push_back(toml_string(address_range_text(range)));
    if (!outside.empty()) pairs.add("outside", toml_array(outside));
    if (rule.ports) pairs.add_text("ports", port_range_text(*rule.ports));
    return table_text("[[masquerade]]", pairs);
}

TomlPairs forwarding_pairs(OtherTraffic other) {
    TomlPairs pairs;
    pairs.add_word("other", other, Config{}.other, kOtherWords);
    return pairs;
}

TomlPairs control_pairs(const ControlConfig& control) {
    TomlPairs pairs;
    if (control.socket != ControlConfig{}.socket) pairs.add_text("socket", control.socket);
    if (!control.group.empty()) pairs.add_text("group", control.group);
    return pairs;
}

TomlPairs log_pairs(const LogConfig& log) {
    TomlPairs pairs;
    pairs.add_word("level", log.level, LogConfig{}.level, kLogLevelWords);
    if (log.debug != 0) pairs.add("debug", toml_bits(log.debug, kDebugWords));
    return pairs;
}

TomlPairs fragment_pairs(const FragmentsConfig& fragments) {
    const FragmentsConfig standard;
    TomlPairs pairs;
    pairs.add_number("datagrams", fragments.datagrams, standard.datagrams);
    pairs.add_number("held", fragments.held, standard.held);
    pairs.add_number("timeout", fragments.timeout, standard.timeout);
    return pairs;
}

std::string settings_text(const Config& config) {
    TomlPairs workers;
    std::vector<std::string> cores;
    for (const unsigned core : config.worker_cores)
        cores.push_back(std::to_string(core));
    if (!cores.empty()) workers.add("cores", toml_array(cores));
    workers.add_word("idle", config.idle, Config{}.idle, kIdleWords);
    if (config.spread) workers.add("spread", "true");
    TomlPairs table;
    table.add_number("connection_table_bits", config.connection_table_bits,
                     Config{}.connection_table_bits);
    std::string text;
    const auto add = [&](std::string_view header, const TomlPairs& pairs) {
        if (!pairs.empty()) text += table_text(header, pairs);
    };
    add("[workers]", workers);
    add("[table]", table);
    add("[fragments]", fragment_pairs(config.fragments));
    add("[timeouts]", timeout_pairs(config.timeouts));
    add("[vs]", vs_pairs(config.vs));
    add("[forwarding]", forwarding_pairs(config.other));
    add("[control]", control_pairs(config.control));
    add("[log]", log_pairs(config.log));
    return text;
}

}  // namespace

std::string write_config(const Config& config) {
    std::string text = settings_text(config);
    for (const auto& interface : config.interfaces)
        text += interface_text(interface);
    for (const auto& neighbour : config.neighbours)
        text += neighbour_text(neighbour);
    for (const auto& route : config.routes)
        text += route_text(route);
    for (const auto& rule : config.marks)
        text += mark_text(rule);
    for (const auto& rule : config.masquerade)
        text += masquerade_text(rule);
    for (const auto& service : config.services)
        text += service_text(service) + "\n";
    if (!text.empty()) text.pop_back();  // the empty line after the last table
    return text;
}

}  // namespace usher
