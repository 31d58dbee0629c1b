// SPDX-License-Identifier: BSD-3-Clause
// How long a quiet connection is remembered, by its state: the operator's three timeouts as the
// workers go by them, in ticks. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "conf/model.hpp"
#include "nat/tcp_state.hpp"

namespace usher {

// Of connections with services.
StateTimeouts timeout_ticks(const Timeouts& timeouts);
// Of services that have a timeout of their own, in seconds each.
std::vector<StateTimeouts> own_timeout_ticks(const Timeouts& timeouts,
                                             const std::vector<std::uint32_t>& idle_timeouts);
// Of masqueraded connections: no shorter than the RFCs on NAT allow, whatever the operator says.
StateTimeouts masquerade_timeout_ticks(const Timeouts& timeouts);
// Of masqueraded DNS and NTP, over UDP.
StateTimeouts masqueraded_query_timeout_ticks(const Timeouts& timeouts);

}  // namespace usher
