// SPDX-License-Identifier: BSD-3-Clause
// What this version refuses although an operator may rightly say it. Everything of that kind is
// in supported.cpp and nowhere else: building a feature ends with deleting its line there.
#pragma once

#include "conf/model.hpp"
#include "conf/result.hpp"

namespace usher {

// EOPNOTSUPP with a sentence naming what is missing.
Result<void> supported(const ServiceOptions& options);
Result<void> supported(const ServerOptions& options);

}  // namespace usher
