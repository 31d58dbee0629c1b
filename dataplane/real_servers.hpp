// SPDX-License-Identifier: BSD-3-Clause
// Which endpoints are real servers, and what may become of their packets that belong to no
// connection. Immutable; built by the control thread, read by any worker.
#pragma once

#include <cstdint>

#include "dataplane/endpoint_map.hpp"

namespace usher {

// What an endpoint is, bit by bit; 0: no real server.
class ServerRole {
  public:
    static constexpr std::uint8_t kServer = 1;
    static constexpr std::uint8_t kOnePacket = 2;  // of a service with -o: its answers pass
    static constexpr std::uint8_t kFtpData = 4;    // where a server's active FTP data comes from

    constexpr ServerRole() = default;
    constexpr explicit ServerRole(std::uint8_t bits) : bits_(bits) {}

    constexpr explicit operator bool() const { return bits_ != 0; }
    constexpr bool is_one_packet() const { return bits_ & kOnePacket; }
    constexpr bool is_ftp_data() const { return bits_ & kFtpData; }
    constexpr ServerRole with(ServerRole other) const {
        return ServerRole(static_cast<std::uint8_t>(bits_ | other.bits_));
    }

  private:
    std::uint8_t bits_ = 0;
};

template <Family F>
class RealServers {
  public:
    RealServers() : RealServers(0) {}
    explicit RealServers(std::size_t expected) : endpoints_(expected) {}

    // `port` 0: every port of the address. No more than expected, the same one twice is one, with
    // both roles.
    void add(std::uint8_t protocol, const AddressOf<F>& address, Be16 port, ServerRole role) {
        any_port_ |= port == Be16();
        const Endpoint<F> endpoint{address, port, protocol};
        endpoints_.put(endpoint, endpoints_.find(endpoint).with(role));
    }
    ServerRole role_of(std::uint8_t protocol, const AddressOf<F>& address, Be16 port) const {
        const ServerRole exact = endpoints_.find({address, port, protocol});
        return any_port_ ? exact.with(endpoints_.find({address, Be16(), protocol})) : exact;
    }

  private:
    EndpointMap<F, ServerRole> endpoints_;
    bool any_port_ = false;
};

}  // namespace usher
