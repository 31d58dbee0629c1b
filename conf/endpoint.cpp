// SPDX-License-Identifier: BSD-3-Clause
#include "conf/endpoint.hpp"

#include <charconv>

namespace usher {
namespace {

std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t high) {
    std::uint32_t value = 0;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, value);
    if (error != std::errc{} || end != last || value > high) return std::nullopt;
    if (text.size() > 1 && text.front() == '0') return std::nullopt;
    return value;
}

}  // namespace

std::optional<Endpoint> parse_endpoint(std::string_view text) {
    std::string_view host = text;
    std::string_view port;
    const bool bracketed = text.starts_with('[');
    if (bracketed) {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos) return std::nullopt;
        host = text.substr(1, close - 1);
        port = text.substr(close + 1);
    } else if (text.find(':') == text.rfind(':')) {  // two colons: IPv6 without a port
        host = text.substr(0, text.find(':'));
        port = text.substr(host.size());
    }
    const auto address = IpAddress::parse(host);
    if (!address || (bracketed && address->is_ipv4())) return std::nullopt;
    if (port.empty()) return Endpoint{*address, std::nullopt};
    const auto number = port.front() == ':' ? parse_number(port.substr(1), 65535) : std::nullopt;
    if (!number) return std::nullopt;
    return Endpoint{*address, static_cast<std::uint16_t>(*number)};
}

std::optional<InterfaceAddress> parse_interface_address(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    const auto bits = static_cast<std::uint32_t>(address->bits());
    const auto length = parse_number(text.substr(slash + 1), bits);
    if (!length) return std::nullopt;
    return InterfaceAddress{*address, static_cast<int>(*length)};
}

std::optional<Prefix> parse_network(std::string_view text) {
    if (const auto address = IpAddress::parse(text)) return Prefix::of(*address, address->bits());
    const auto network = parse_interface_address(text);
    if (!network) return std::nullopt;
    const Prefix prefix = Prefix::of(network->address, network->length);
    return prefix.address == network->address ? std::optional(prefix) : std::nullopt;
}

std::optional<PortRange> parse_port_range(std::string_view text) {
    const std::size_t dash = text.find('-');
    const auto first = parse_number(text.substr(0, dash), 65535);
    const auto last =
        dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1), 65535);
    if (!first || !last || *first > *last) return std::nullopt;
    return PortRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

std::string port_range_text(const PortRange& range) {
    const std::string first = std::to_string(range.first);
    return range.first == range.last ? first : first + "-" + std::to_string(range.last);
}

}  // namespace usher
