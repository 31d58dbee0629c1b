// SPDX-License-Identifier: BSD-3-Clause
// What must hold of [[masquerade]] rules, wherever they come from, and their addresses as text.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "conf/model.hpp"
#include "conf/rules.hpp"

namespace usher {

inline constexpr std::size_t kMaxMasqueradeRules = 64;
inline constexpr std::size_t kMaxInsidePrefixes = 256;  // of one rule
// Of all rules; the box's own addresses come on top of it.
inline constexpr std::uint32_t kMaxOutsideAddresses = 224;

// What masquerading has of an address that the box has itself, unless the file says otherwise.
// Linux takes 32768-60999 for its own connections (net.ipv4.ip_local_port_range), and most programs
// listen below.
inline constexpr PortRange kPortsOfOwnAddress{61000, 65535};

// "203.0.113.10", or "203.0.113.20-203.0.113.23" in rising order; at most kMaxOutsideAddresses.
std::optional<AddressRange> parse_address_range(std::string_view text);
std::string address_range_text(const AddressRange& range);
std::vector<IpAddress> addresses_of(const AddressRange& range);

// `before`: the rules in front of it, which are right.
std::optional<Mistake> mistake_in(const MasqueradeRule& rule,
                                  std::span<const MasqueradeRule> before);

}  // namespace usher
