// SPDX-License-Identifier: BSD-3-Clause
#include "nat/address.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <cstdio>
#include <cstring>

namespace usher {

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    char buffer[INET6_ADDRSTRLEN];
    if (text.empty() || text.size() >= sizeof buffer) return std::nullopt;
    std::memcpy(buffer, text.data(), text.size());
    buffer[text.size()] = '\0';
    if (std::strlen(buffer) != text.size()) return std::nullopt;  // an embedded NUL
    std::uint32_t v4 = 0;
    if (inet_pton(AF_INET, buffer, &v4) == 1) return IpAddress(Be32::from_raw(v4));
    std::array<std::uint8_t, 16> v6{};
    if (inet_pton(AF_INET6, buffer, v6.data()) == 1) return IpAddress(v6);
    return std::nullopt;
}

std::string IpAddress::to_string() const {
    char buffer[INET6_ADDRSTRLEN] = "";
    inet_ntop(is_ipv4() ? AF_INET : AF_INET6, bytes_.data(), buffer, sizeof buffer);
    return buffer;
}

bool IpAddress::is_unspecified() const {
    return bytes_ == std::array<std::uint8_t, 16>{};
}
bool IpAddress::is_multicast() const {
    return is_ipv4() ? (bytes_[0] & 0xf0) == 0xe0 : bytes_[0] == 0xff;
}
bool IpAddress::is_broadcast() const {
    return is_ipv4() && v4().raw() == 0xffffffffU;
}
bool IpAddress::is_link_local() const {
    return is_ipv4() ? bytes_[0] == 169 && bytes_[1] == 254
                     : bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}
bool IpAddress::is_loopback() const {
    std::array<std::uint8_t, 16> one{};
    one[15] = 1;
    return is_ipv4() ? bytes_[0] == 127 : bytes_ == one;
}

Prefix Prefix::of(const IpAddress& address, int length) {
    std::array<std::uint8_t, 16> bytes = address.bytes();
    for (int bit = length; bit < address.bits(); ++bit)
        bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80 >> (bit % 8)));
    if (!address.is_ipv4()) return {IpAddress(bytes), static_cast<std::uint8_t>(length)};
    std::uint32_t v4 = 0;
    std::memcpy(&v4, bytes.data(), sizeof v4);
    return {IpAddress(Be32::from_raw(v4)), static_cast<std::uint8_t>(length)};
}

bool Prefix::contains(const IpAddress& other) const {
    return other.family() == address.family() && Prefix::of(other, length).address == address;
}

std::string Prefix::to_string() const {
    return address.to_string() + "/" + std::to_string(length);
}

std::string endpoint_text(const IpAddress& address, std::uint16_t port) {
    const std::string host = address.to_string();
    return (address.is_ipv4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
    if (text.size() != 17) return std::nullopt;
    MacAddress mac;
    for (std::size_t i = 0; i < 6; ++i) {
        const char* first = text.data() + 3 * i;
        const auto [end, error] = std::from_chars(first, first + 2, mac.bytes[i], 16);
        if (error != std::errc{} || end != first + 2) return std::nullopt;
        if (i < 5 && first[2] != ':') return std::nullopt;
    }
    return mac;
}

std::string MacAddress::to_string() const {
    char buffer[18];
    std::snprintf(buffer, sizeof buffer, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1],
                  bytes[2], bytes[3], bytes[4], bytes[5]);
    return buffer;
}

std::string_view protocol_name(Protocol protocol) {
    switch (protocol) {
        case Protocol::ip:
            return "IP";
        case Protocol::icmp:
            return "ICMP";
        case Protocol::tcp:
            return "TCP";
        case Protocol::udp:
            return "UDP";
        case Protocol::icmpv6:
            return "ICMPv6";
        case Protocol::sctp:
            return "SCTP";
    }
    return "IP";
}

}  // namespace usher
