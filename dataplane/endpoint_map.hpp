// SPDX-License-Identifier: BSD-3-Clause
// Something for each endpoint (protocol, address, port): open addressing, at most half full, one
// probe as a rule. Filled by the control thread, then read by any worker.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

#include "nat/flow.hpp"

namespace usher {

template <Family F>
struct Endpoint {
    AddressOf<F> address{};
    Be16 port;
    std::uint8_t protocol = 0;
    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// A firewall mark in the place of an address.
template <Family F>
AddressOf<F> as_address(std::uint32_t mark) {
    if constexpr (F == Family::ipv4)
        return Be32::from_host(mark);
    else
        return {static_cast<std::uint8_t>(mark >> 24), static_cast<std::uint8_t>(mark >> 16),
                static_cast<std::uint8_t>(mark >> 8), static_cast<std::uint8_t>(mark)};
}

// What the operator wrote, nobody else: no secret is needed against keys that collide.
template <Family F>
std::uint64_t endpoint_hash(const Endpoint<F>& endpoint) {
    constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;
    const std::uint64_t tail = std::uint64_t{endpoint.port.raw()} << 8 | endpoint.protocol;
    if constexpr (F == Family::ipv4) {
        return (std::uint64_t{endpoint.address.raw()} << 32 | tail) * kGolden;
    } else {
        std::uint64_t words[2];
        std::memcpy(words, endpoint.address.data(), sizeof words);
        return fold_multiply(words[0] ^ kGolden, words[1] ^ tail * kGolden) * kGolden;
    }
}

// Value: false in an empty place (a pointer, a bool).
template <Family F, class Value>
class EndpointMap {
  public:
    explicit EndpointMap(std::size_t expected)
        : places_(std::bit_ceil(expected * 2 + 2)), shift_(64 - std::countr_zero(places_.size())) {}

    void put(const Endpoint<F>& endpoint, Value value) {
        std::size_t at = first_place(endpoint);
        while (places_[at].value && !(places_[at].endpoint == endpoint))
            at = next(at);
        places_[at] = {endpoint, value};
    }
    Value find(const Endpoint<F>& endpoint) const {
        for (std::size_t at = first_place(endpoint); places_[at].value; at = next(at))
            if (places_[at].endpoint == endpoint) return places_[at].value;
        return Value{};
    }
    // Where find() will begin to look.
    void prefetch(const Endpoint<F>& endpoint) const {
        __builtin_prefetch(&places_[first_place(endpoint)]);
    }

  private:
    struct Place {
        Endpoint<F> endpoint;
        Value value{};
    };
    std::size_t first_place(const Endpoint<F>& endpoint) const {
        return endpoint_hash(endpoint) >> shift_;
    }
    std::size_t next(std::size_t at) const { return (at + 1) & (places_.size() - 1); }

    std::vector<Place> places_;
    int shift_;
};

}  // namespace usher
