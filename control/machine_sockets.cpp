// SPDX-License-Identifier: BSD-3-Clause
// The kernel's tables of sockets and of its own balancer's services, as /proc/net writes them.
#include <charconv>
#include <cstring>
#include <sstream>

#include "control/machine.hpp"
#include "nat/headers.hpp"

namespace usher {

namespace {

std::optional<std::uint32_t> hexadecimal(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// Words of four bytes, each as a number of this machine's byte order.
std::optional<IpAddress> socket_address(Family family, std::string_view text) {
    constexpr std::size_t kDigits = 8;
    const std::size_t words = family == Family::ipv4 ? 1 : 4;
    if (text.size() != words * kDigits) return std::nullopt;
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < words; ++i) {
        const auto word = hexadecimal(text.substr(i * kDigits, kDigits));
        if (!word) return std::nullopt;
        std::memcpy(bytes.data() + i * 4, &*word, 4);
    }
    if (family == Family::ipv6) return IpAddress(bytes);
    return IpAddress(load<Be32>(bytes.data()));
}

// "CB00710A:0050" or "[2001:0db8:...]:0050".
std::optional<std::pair<IpAddress, std::uint16_t>> ipvs_endpoint(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto port = hexadecimal(text.substr(colon + 1));
    std::string_view address = text.substr(0, colon);
    std::optional<IpAddress> read;
    if (address.starts_with('[') && address.ends_with(']'))
        read = IpAddress::parse(address.substr(1, address.size() - 2));
    else if (const auto number = hexadecimal(address))
        read = IpAddress(Be32::from_host(*number));
    if (!port || !read || *port > 0xffff) return std::nullopt;
    return std::pair(*read, static_cast<std::uint16_t>(*port));
}

}  // namespace

// "   0: 0100007F:0050 00000000:0000 0A ...": TCP's listening sockets, UDP's without a peer.
std::vector<Listener> read_listeners(Protocol protocol, Family family, std::string_view text) {
    const std::string_view waiting = protocol == Protocol::tcp ? "0A" : "07";
    std::vector<Listener> listeners;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string number, local, remote, state;
        if (!(words >> number >> local >> remote >> state) || state != waiting) continue;
        const std::size_t colon = local.find(':');
        if (colon == std::string::npos) continue;
        const auto address = socket_address(family, std::string_view(local).substr(0, colon));
        const auto port = hexadecimal(std::string_view(local).substr(colon + 1));
        if (address && port && *port <= 0xffff)
            listeners.push_back({protocol, *address, static_cast<std::uint16_t>(*port)});
    }
    return listeners;
}

std::vector<ServiceKey> read_ipvs(std::string_view text) {
    std::vector<ServiceKey> services;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string protocol, place;
        if (!(words >> protocol >> place)) continue;
        ServiceKey key;
        if (protocol == "UDP")
            key.protocol = Protocol::udp;
        else if (protocol == "SCTP")
            key.protocol = Protocol::sctp;
        else if (protocol != "TCP")
            continue;  // a heading, a real server, or a service by mark
        const auto endpoint = ipvs_endpoint(place);
        if (!endpoint) continue;
        key.address = endpoint->first;
        key.port = endpoint->second;
        services.push_back(key);
    }
    return services;
}

}  // namespace usher
