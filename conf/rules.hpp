// SPDX-License-Identifier: BSD-3-Clause
// What must hold between the values of one service or one server, wherever they come from. The
// limits are IPVS's. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conf/model.hpp"
#include "conf/result.hpp"

namespace usher {

inline constexpr std::uint32_t kMaxWeight = 2147483647;
inline constexpr std::uint32_t kMaxThreshold = 2147483647;
inline constexpr std::uint32_t kMaxTimeout = 2678400;  // 31 days, ipvsadm -p and --set
inline constexpr std::uint32_t kMaxSlowStart = 86400;  // a day
inline constexpr std::uint32_t kMinMss = 536;          // RFC 9293 section 3.7.1
inline constexpr std::uint32_t kMaxMss = 65495;        // 65,535 less IPv4's and TCP's headers
inline constexpr std::size_t kMaxSchedulerName = 15;
inline constexpr unsigned kMaxFragments = 65536;        // datagrams, and packets held
inline constexpr std::uint32_t kMaxFragmentTime = 600;  // seconds
inline constexpr unsigned kMinTableBits = 8;
inline constexpr unsigned kMaxTableBits = 27;
inline constexpr std::size_t kMaxMarkRules = 65536;

// Of a template's client address. IPVS takes an IPv4 mask of 0, all clients as one, and no IPv6
// prefix of that length.
struct PersistenceBits {
    std::uint32_t least, most;
};
constexpr PersistenceBits persistence_bits_of(Family family) {
    return family == Family::ipv4 ? PersistenceBits{0, 32} : PersistenceBits{1, 128};
}

struct Mistake {
    std::string_view key;  // the key of the TOML file that is wrong, "address" for the address
    Errc code = Errc::invalid;
    std::string message;  // what was expected
};

std::optional<Mistake> mistake_in(const ServiceKey& service, const ServiceOptions& options);
std::optional<Mistake> mistake_in(const ServiceKey& service, const ServerConfig& server);
std::optional<Mistake> mistake_in(const MarkRule& rule);

bool is_interface_name(std::string_view name);  // one that Linux could have

}  // namespace usher
