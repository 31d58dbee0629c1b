// SPDX-License-Identifier: BSD-3-Clause
// Which endpoints are real servers: whose packets without a connection are forwarded as any
// router would. Immutable; built by the control thread, read by any worker.
#pragma once

#include <cstdint>

#include "dataplane/endpoint_map.hpp"

namespace usher {

template <Family F>
class RealServers {
  public:
    RealServers() : RealServers(0) {}
    explicit RealServers(std::size_t expected) : endpoints_(expected) {}

    // `port` 0: every port of the address. No more than expected, the same one twice is one.
    void add(std::uint8_t protocol, const AddressOf<F>& address, Be16 port) {
        any_port_ |= port == Be16();
        endpoints_.put({address, port, protocol}, true);
    }
    bool contains(std::uint8_t protocol, const AddressOf<F>& address, Be16 port) const {
        return endpoints_.find({address, port, protocol}) ||
               (any_port_ && endpoints_.find({address, Be16(), protocol}));
    }

  private:
    EndpointMap<F, bool> endpoints_;
    bool any_port_ = false;
};

}  // namespace usher
