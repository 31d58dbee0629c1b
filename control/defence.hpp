// SPDX-License-Identifier: BSD-3-Clause
// IPVS's defence (net.ipv4.vs.drop_entry, drop_packet, secure_tcp), each 0: off, 1 or 2: while
// room is short, 3: always. Room is what is left of the connection table. Pure.
#pragma once

#include <cstdint>

#include "conf/model.hpp"
#include "dataplane/snapshot.hpp"

namespace usher {

// How short of room we are, as a rate of dropping: 0 while an eighth of the table is free; then
// one in `rate`, which falls from many to 1 as the table fills.
struct Pressure {
    std::uint32_t rate = 0;

    static Pressure of(std::uint64_t connections, std::uint64_t capacity);
    friend bool operator==(const Pressure&, const Pressure&) = default;
};

constexpr bool is_automatic(std::uint32_t mode) {
    return mode == 1 || mode == 2;
}
constexpr bool is_on(std::uint32_t mode, Pressure pressure) {
    return mode == 3 || (is_automatic(mode) && pressure.rate != 0);
}

Policy policy_of(const VsSettings& vs, Pressure pressure);

}  // namespace usher
