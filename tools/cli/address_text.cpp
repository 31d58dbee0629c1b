// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cli/address_text.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace usher {
namespace {

std::optional<IpAddress> parse_host(const std::string& host, const NameResolver& names) {
    in_addr v4{};
    if (inet_aton(host.c_str(), &v4) != 0) return IpAddress(Be32::from_raw(v4.s_addr));
    return host.empty() ? std::nullopt : names.host(host);
}

std::optional<std::uint16_t> parse_port(const std::string& text, Protocol protocol,
                                        const NameResolver& names) {
    if (const auto number = parse_number(text, 0, 65535))
        return static_cast<std::uint16_t>(*number);
    return text.empty() ? std::nullopt : names.port(text, protocol);
}

std::optional<AddressAndPort> parse_bracketed(const std::string& text, Protocol protocol,
                                              const NameResolver& names) {
    const std::size_t close = text.find("]:");
    if (close == std::string::npos) return std::nullopt;
    const auto address = IpAddress::parse(std::string_view(text).substr(1, close - 1));
    const auto port = parse_port(text.substr(close + 2), protocol, names);
    if (!address || address->is_ipv4() || !port) return std::nullopt;
    return AddressAndPort{*address, port};
}

bool all_digits(const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<std::uint32_t> parse_number(const std::string& text, std::int64_t least,
                                          std::int64_t most) {
    char* end = nullptr;
    errno = 0;
    const long long number = std::strtoll(text.c_str(), &end, 10);
    // Comparing with the length also refuses a NUL inside the text.
    if (errno != 0 || text.empty() || end != text.c_str() + text.size()) return std::nullopt;
    if (number < least || number > most) return std::nullopt;
    return static_cast<std::uint32_t>(number);
}

std::optional<AddressAndPort> parse_endpoint(const std::string& text, Protocol protocol,
                                             const NameResolver& names) {
    if (text.find('\0') != std::string::npos) return std::nullopt;
    if (!text.empty() && text[0] == '[') return parse_bracketed(text, protocol, names);
    const auto literal = IpAddress::parse(text);
    if (literal && !literal->is_ipv4()) return AddressAndPort{*literal, std::nullopt};

    const std::size_t colon = text.find(':');
    const bool has_port = colon != std::string::npos;
    if (has_port && text.find(':', colon + 1) != std::string::npos) return std::nullopt;
    if (!has_port && all_digits(text)) return std::nullopt;  // more likely a port than a host
    const auto address = parse_host(text.substr(0, colon), names);
    if (!address) return std::nullopt;
    if (!has_port) return AddressAndPort{*address, std::nullopt};
    const auto port = parse_port(text.substr(colon + 1), protocol, names);
    if (!port) return std::nullopt;
    return AddressAndPort{*address, port};
}

std::optional<std::uint8_t> parse_ipv4_mask(const std::string& text, const NameResolver& names) {
    if (text.find('\0') != std::string::npos) return std::nullopt;
    const auto mask = parse_host(text, names);
    if (!mask || !mask->is_ipv4()) return std::nullopt;
    const std::uint32_t bits = mask->v4().host();
    const int ones = std::countl_one(bits);
    if (ones != std::popcount(bits)) return std::nullopt;
    return static_cast<std::uint8_t>(ones);
}

}  // namespace usher
