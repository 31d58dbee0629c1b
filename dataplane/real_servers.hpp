// SPDX-License-Identifier: BSD-3-Clause
// Which endpoints are real servers: whose packets without a connection are forwarded as any
// router would. Immutable; built by the control thread, read by any worker.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "nat/address.hpp"

namespace usher {

class RealServers {
  public:
    RealServers() : RealServers(0) {}
    explicit RealServers(std::size_t expected)  // at most half full
        : places_(std::bit_ceil(expected * 2 + 2)), shift_(64 - std::countr_zero(places_.size())) {}

    // `port` 0: every port of the address. No more than expected, the same one twice is one.
    void add(std::uint8_t protocol, Be32 address, Be16 port) {
        any_port_ |= port == Be16();
        const std::uint64_t key = key_of(protocol, address, port);
        std::size_t at = first_place(key);
        while (places_[at] != 0 && places_[at] != key)
            at = (at + 1) & (places_.size() - 1);
        places_[at] = key;
    }
    bool contains(std::uint8_t protocol, Be32 address, Be16 port) const {
        return has(key_of(protocol, address, port)) ||
               (any_port_ && has(key_of(protocol, address, Be16())));
    }

  private:
    // Never 0: the protocol is not.
    static std::uint64_t key_of(std::uint8_t protocol, Be32 address, Be16 port) {
        return std::uint64_t{address.raw()} << 32 | std::uint64_t{port.raw()} << 8 | protocol;
    }
    std::size_t first_place(std::uint64_t key) const {
        return (key * 0x9e3779b97f4a7c15U) >> shift_;
    }
    bool has(std::uint64_t key) const {
        for (std::size_t at = first_place(key); places_[at] != 0;
             at = (at + 1) & (places_.size() - 1))
            if (places_[at] == key) return true;
        return false;
    }

    std::vector<std::uint64_t> places_;
    int shift_;
    bool any_port_ = false;
};

}  // namespace usher
