// SPDX-License-Identifier: BSD-3-Clause
// How addresses and ports are shown: as numbers (-n), or by the names of DNS and services(5).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "nat/address.hpp"
#include "tools/cli/address_text.hpp"

namespace usher {

// Names for values; empty functions, or nothing found, leave the number.
struct EndpointNames {
    std::function<std::optional<std::string>(const IpAddress&)> host;
    std::function<std::optional<std::string>(std::uint16_t port, Protocol)> service;

    // "192.0.2.1:80", "www:http", "[2001:db8::1]:80"; a name of IPv6 keeps its brackets.
    std::string text(const IpAddress& address, std::uint16_t port, Protocol protocol) const;
};

// The system's: getnameinfo and getservbyport, gethostbyname and getservbyname. They may block
// for as long as the resolver does. Not for several threads.
EndpointNames system_endpoint_names();
NameResolver system_name_resolver();

}  // namespace usher
