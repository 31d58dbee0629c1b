// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/least_connection.hpp"

namespace usher {

Choice LeastConnection::choose(const Arrival&, Loads loads, std::uint64_t cursor) const noexcept {
    return {least_.find(loads), cursor};
}

}  // namespace usher
