// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/shortest_expected_delay.hpp"

namespace usher {

Choice ShortestExpectedDelay::choose(const Arrival&, Loads loads,
                                     std::uint64_t cursor) const noexcept {
    return {least_.find(loads), cursor};
}

}  // namespace usher
