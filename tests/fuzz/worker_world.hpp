// SPDX-License-Identifier: BSD-3-Clause
// Who there is around the worker of fuzz_worker: the addresses of either family, and what the
// director is told.
#pragma once

#include <span>
#include <string_view>

#include "tests/fuzz/worker_packet.hpp"

namespace usher::fuzz {

inline constexpr std::uint16_t kOutside = 0, kInside = 1;  // PortIndex

// Of one family.
struct World {
    std::vector<IpAddress> clients;   // outside; the last is on the link and does not answer
    std::vector<IpAddress> virtuals;  // of services; the last of none
    std::vector<IpAddress> servers;   // the last does not answer
    std::vector<IpAddress> insiders;  // that are masqueraded
    std::vector<IpAddress> outside;   // that those have there
    std::vector<IpAddress> own;       // the box's: outside, inside
    std::vector<IpAddress> odd;       // that nobody may have
};
const World& world(bool v4);

bool is_inside(const IpAddress& address);
bool is_server(const IpAddress& address);
bool is_own(const IpAddress& address);
bool is_outside_name(const IpAddress& address);  // a service's, or what the inside hides behind
bool is_martian(const IpAddress& address);

// Of services, of none, and what FTP announces in fuzz_worker.cpp.
inline constexpr std::uint16_t kPorts[] = {80, 21, 443, 53, 69, 9, 82, 81, 7777, 50000, 40001};
std::uint8_t protocol_of_port(std::uint16_t port);  // of the service there

// Lines of docs/protocol.md: as it is when an input begins, and what an input may change.
std::span<const std::string_view> first_configuration();
std::span<const std::string_view> changes();

}  // namespace usher::fuzz
