// SPDX-License-Identifier: BSD-3-Clause
// What a director knows of an SCTP association that it sees both directions of, by the first chunk
// of each packet (RFC 9260 section 4). The states have IPVS's names and timeouts; of its 14 those
// are left out that only an association opened by the server would have.
//
//   client INIT                  INIT1      again: INIT
//   server INIT ACK              C-SENT
//   client COOKIE ECHO           C-REPLIED
//   server COOKIE ACK            ESTABLISHED, the only one that counts as active
//   SHUTDOWN                     S-RECEIVED from the client, S-SENT from the server
//   SHUTDOWN ACK                 S-ACK-SENT
//   SHUTDOWN COMPLETE, ABORT     CLOSED     ABORT instead of INIT ACK: REJECTED
//
// Pure. A chunk that is not in its place changes nothing.
#pragma once

#include "nat/sctp.hpp"
#include "nat/tcp_state.hpp"

namespace usher {

// `now` is State::none or one of SCTP's.
State next_sctp_state(State now, Direction direction, std::uint8_t chunk);

}  // namespace usher
