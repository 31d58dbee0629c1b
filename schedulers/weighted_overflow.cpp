// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/weighted_overflow.hpp"

namespace usher {

Choice WeightedOverflow::choose(const Arrival&, Loads loads, std::uint64_t cursor) const noexcept {
    return {least_.find(loads), cursor};
}

}  // namespace usher
