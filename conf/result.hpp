// SPDX-License-Identifier: BSD-3-Clause
// Result and Error live in nat/, the lowest folder; this name is kept for conf's own readers.
#pragma once

#include "nat/result.hpp"
