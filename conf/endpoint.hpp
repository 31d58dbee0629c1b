// SPDX-License-Identifier: BSD-3-Clause
// Addresses and ports as text: "ADDRESS:PORT", "ADDRESS/LENGTH", "FIRST-LAST". Strict: no names, no
// short forms, no leading zeros.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conf/model.hpp"
#include "nat/address.hpp"

namespace usher {

struct Endpoint {
    IpAddress address;
    std::optional<std::uint16_t> port;
};

// "192.0.2.1:80", "192.0.2.1", "[2001:db8::1]:80", "[2001:db8::1]" or "2001:db8::1".
std::optional<Endpoint> parse_endpoint(std::string_view text);

struct InterfaceAddress {
    IpAddress address;  // with its host bits
    int length = 0;
};

// "10.0.0.1/24", "2001:db8::1/64".
std::optional<InterfaceAddress> parse_interface_address(std::string_view text);

// "10.0.0.0/24" without bits after the prefix, or one address: "10.0.0.1" is "10.0.0.1/32".
std::optional<Prefix> parse_network(std::string_view text);

// "80", or "8000-8999" in rising order.
std::optional<PortRange> parse_port_range(std::string_view text);
std::string port_range_text(const PortRange& range);

}  // namespace usher
