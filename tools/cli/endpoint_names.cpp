// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cli/endpoint_names.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <cstring>

namespace usher {
namespace {

const char* services_protocol(Protocol protocol) {
    switch (protocol) {
        case Protocol::udp:
            return "udp";
        case Protocol::sctp:
            return "sctp";
        default:
            return "tcp";
    }
}

template <class Address>
std::optional<std::string> host_name(const Address& address) {
    sockaddr_storage storage{};
    std::memcpy(&storage, &address, sizeof address);
    char name[NI_MAXHOST];
    // A reinterpreting cast is what the sockets interface asks for.
    const auto* generic = reinterpret_cast<const sockaddr*>(&storage);
    if (getnameinfo(generic, sizeof address, name, sizeof name, nullptr, 0, NI_NAMEREQD) != 0)
        return std::nullopt;
    return std::string(name);
}

std::optional<std::string> system_host_name(const IpAddress& address) {
    if (address.is_ipv4()) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_addr.s_addr = address.v4().raw();
        return host_name(v4);
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, address.bytes().data(), sizeof v6.sin6_addr);
    return host_name(v6);
}

std::optional<std::string> system_service_name(std::uint16_t port, Protocol protocol) {
    if (protocol == Protocol::ip) return std::nullopt;
    const servent* entry = getservbyport(htons(port), services_protocol(protocol));
    if (entry == nullptr) return std::nullopt;
    return std::string(entry->s_name);
}

std::optional<IpAddress> system_host(const std::string& host) {
    const hostent* entry = gethostbyname(host.c_str());
    if (entry == nullptr || entry->h_addrtype != AF_INET || entry->h_addr_list[0] == nullptr)
        return std::nullopt;
    std::uint32_t raw = 0;
    std::memcpy(&raw, entry->h_addr_list[0], sizeof raw);
    return IpAddress(Be32::from_raw(raw));
}

std::optional<std::uint16_t> system_port(const std::string& service, Protocol protocol) {
    const servent* entry = getservbyname(service.c_str(), services_protocol(protocol));
    if (entry == nullptr) return std::nullopt;
    return ntohs(static_cast<std::uint16_t>(entry->s_port));
}

}  // namespace

std::string EndpointNames::text(const IpAddress& address, std::uint16_t port,
                                Protocol protocol) const {
    std::optional<std::string> host_text;
    std::optional<std::string> port_text;
    if (host) host_text = host(address);
    if (service) port_text = service(port, protocol);
    std::string out = host_text ? *host_text : address.to_string();
    if (!address.is_ipv4()) out = "[" + out + "]";
    return out + ":" + (port_text ? *port_text : std::to_string(port));
}

EndpointNames system_endpoint_names() {
    return {system_host_name, system_service_name};
}

NameResolver system_name_resolver() {
    return {system_host, system_port};
}

}  // namespace usher
