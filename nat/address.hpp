// SPDX-License-Identifier: BSD-3-Clause
// IP addresses, prefixes and MAC addresses as values, and their text forms.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nat/byte_order.hpp"

namespace usher {

enum class Family : std::uint8_t { ipv4, ipv6 };

enum class Protocol : std::uint8_t { ip = 0, icmp = 1, tcp = 6, udp = 17, icmpv6 = 58, sctp = 132 };

// Either family. The bytes are in network order; an IPv4 address uses the first four and keeps
// the rest zero, so comparison (IPv4 before IPv6, then unsigned by byte) is plain.
class IpAddress {
  public:
    constexpr IpAddress() = default;
    explicit constexpr IpAddress(Be32 v4) {
        const std::uint32_t host = v4.host();
        for (int i = 0; i < 4; ++i)
            bytes_[i] = static_cast<std::uint8_t>(host >> (24 - 8 * i));
    }
    explicit constexpr IpAddress(const std::array<std::uint8_t, 16>& v6)
        : family_(Family::ipv6), bytes_(v6) {}

    // Strict text: dotted quad without leading zeros or short forms, or RFC 4291 without zone.
    static std::optional<IpAddress> parse(std::string_view text);
    std::string to_string() const;  // IPv6 as RFC 5952, without brackets

    constexpr Family family() const { return family_; }
    constexpr bool is_ipv4() const { return family_ == Family::ipv4; }
    constexpr int bits() const { return is_ipv4() ? 32 : 128; }
    constexpr const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
    constexpr Be32 v4() const {
        return Be32::from_host(std::uint32_t{bytes_[0]} << 24 | std::uint32_t{bytes_[1]} << 16 |
                               std::uint32_t{bytes_[2]} << 8 | bytes_[3]);
    }

    bool is_unspecified() const;
    bool is_multicast() const;
    bool is_broadcast() const;   // 255.255.255.255 only
    bool is_link_local() const;  // 169.254/16, fe80::/10
    bool is_loopback() const;

    friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;

  private:
    Family family_ = Family::ipv4;
    std::array<std::uint8_t, 16> bytes_{};
};

// A network: the bits of `address` after `length` are zero.
struct Prefix {
    IpAddress address;
    std::uint8_t length = 0;

    static Prefix of(const IpAddress& address, int length);  // clears the host bits
    bool contains(const IpAddress& other) const;
    std::string to_string() const;
    friend constexpr auto operator<=>(const Prefix&, const Prefix&) = default;
};

// "192.0.2.1:80" or "[2001:db8::1]:80".
std::string endpoint_text(const IpAddress& address, std::uint16_t port);

struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};
    static std::optional<MacAddress> parse(std::string_view text);  // "02:00:00:00:00:01"
    std::string to_string() const;
    friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) = default;
};

std::string_view protocol_name(Protocol protocol);  // "TCP", "UDP", "SCTP", ...

}  // namespace usher
