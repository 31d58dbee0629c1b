// SPDX-License-Identifier: BSD-3-Clause
#include "conf/write_services.hpp"

#include <algorithm>
#include <cctype>

#include "conf/toml_text.hpp"

namespace usher {
namespace {

void add_name(const ServiceKey& key, TomlPairs& pairs) {
    if (key.fwmark != 0) {
        pairs.add("fwmark", std::to_string(key.fwmark));
        pairs.add_word("family", key.family(), Family::ipv4, kFamilyWords);
        return;
    }
    std::string protocol(protocol_name(key.protocol));
    std::transform(protocol.begin(), protocol.end(), protocol.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    pairs.add_text(protocol, endpoint_text(key.address, key.port));
}

// ipvsadm's names for the two bits that mean something to "sh" and "mh"; plain ones otherwise.
std::string flag_array(const ServiceOptions& options) {
    const std::string prefix =
        options.scheduler == "sh" || options.scheduler == "mh" ? options.scheduler + "-" : "flag-";
    std::vector<std::string> names;
    for (const auto& word : kFlagWords) {
        const bool ours = word.text.starts_with(prefix) || word.value == kFlagOnePacket ||
                          word.value == kFlagSched3;
        if (ours && (options.flags & word.value) != 0) names.push_back(toml_string(word.text));
    }
    return toml_array(names);
}

void add_options(const ServiceConfig& service, TomlPairs& pairs) {
    const ServiceOptions& options = service.options;
    pairs.add_text("scheduler", options.scheduler);  // even the default: everybody looks for it
    if (options.flags != 0) pairs.add("flags", flag_array(options));
    pairs.add_number("persistence", options.persistence, 0);
    pairs.add_number("persistence_bits", options.persistence_bits,
                     service.key.family() == Family::ipv4 ? 32 : 128);
    if (!options.persistence_engine.empty())
        pairs.add_text("persistence_engine", options.persistence_engine);
    pairs.add_number("idle_timeout", options.idle_timeout, 0);
    pairs.add_number("slow_start", options.slow_start, 0);
    if (options.mss_clamp == kMssAuto)
        pairs.add_text("mss_clamp", "auto");
    else
        pairs.add_number("mss_clamp", options.mss_clamp, 0);
    if (options.ftp) pairs.add("ftp", *options.ftp ? "true" : "false");
    if (options.ftp_third_party) pairs.add("ftp_third_party", "true");
}

std::string server_text(const ServerConfig& server) {
    const ServerOptions standard;
    const ServerOptions& options = server.options;
    TomlPairs pairs;
    pairs.add_text("address", server.key.to_string());
    pairs.add_word("forwarding", options.forwarding, standard.forwarding, kForwardingWords);
    pairs.add_number("weight", options.weight, standard.weight);
    pairs.add_number("upper_threshold", options.upper_threshold, 0);
    pairs.add_number("lower_threshold", options.lower_threshold, 0);
    if (options.forwarding == Forwarding::tunnel) {
        pairs.add_word("tunnel", options.tunnel, standard.tunnel, kTunnelWords);
        pairs.add_number("tunnel_port", options.tunnel_port, 0);
        if (options.tunnel_flags != 0)
            pairs.add("tunnel_flags",
                      toml_bits(std::uint32_t{options.tunnel_flags}, kTunnelFlagWords));
    }
    return pairs.inlined();
}

}  // namespace

std::string service_text(const ServiceConfig& service) {
    TomlPairs pairs;
    add_name(service.key, pairs);
    add_options(service, pairs);
    std::string text = "[[service]]\n" + pairs.lines();
    if (service.servers.empty()) return text;
    text += "servers = [\n";
    for (const ServerConfig& server : service.servers)
        text += "    " + server_text(server) + ",\n";
    return text + "]\n";
}

}  // namespace usher
