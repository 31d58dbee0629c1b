// SPDX-License-Identifier: BSD-3-Clause
// The commands masquerade.set, masquerade.list and forwarding.set.
#pragma once

#include <string>

#include "control/director.hpp"
#include "control/wire.hpp"

namespace usher {

Result<Change> read_masquerade_set(const Json& members);
Result<Change> read_forwarding_set(const Json& members);
std::string masquerade_list(const Json& members, Director& director);

}  // namespace usher
