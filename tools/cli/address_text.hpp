// SPDX-License-Identifier: BSD-3-Clause
// Addresses, ports, masks and numbers as ipvsadm reads them. Pure: names are resolved by functions
// that the caller hands in.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "nat/address.hpp"

namespace usher {

struct NameResolver {
    std::function<std::optional<IpAddress>(const std::string& host)> host;  // IPv4 only
    std::function<std::optional<std::uint16_t>(const std::string& service, Protocol)> port;
};

struct AddressAndPort {
    IpAddress address;
    std::optional<std::uint16_t> port;  // nothing: none was written
};

// A decimal number; blanks and '+' before it are allowed, anything after it is not.
std::optional<std::uint32_t> parse_number(const std::string& text, std::int64_t least,
                                          std::int64_t most);

// HOST[:PORT], an IPv6 address without brackets and port, or [IPv6]:PORT. HOST is a name or
// anything that inet_aton reads (010.1.1.1 is octal, 1.2 is 1.0.0.2), but not digits alone.
std::optional<AddressAndPort> parse_endpoint(const std::string& text, Protocol protocol,
                                             const NameResolver& names);

// A dotted IPv4 mask (or a name, as ipvsadm has it) to its length; nothing when its ones are not
// in one row from the left: Usher keeps lengths, where IPVS would keep any mask.
std::optional<std::uint8_t> parse_ipv4_mask(const std::string& text, const NameResolver& names);

}  // namespace usher
