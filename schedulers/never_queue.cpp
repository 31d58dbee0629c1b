// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/never_queue.hpp"

namespace usher {

Choice NeverQueue::choose(const Arrival&, Loads loads, std::uint64_t cursor) const noexcept {
    return {least_.find(loads), cursor};
}

}  // namespace usher
