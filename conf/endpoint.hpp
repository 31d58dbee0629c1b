// SPDX-License-Identifier: BSD-3-Clause
// Addresses with something after them, as text: "ADDRESS:PORT" and "ADDRESS/LENGTH". Strict: no
// names, no short forms, no leading zeros.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

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

}  // namespace usher
