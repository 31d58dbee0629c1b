// SPDX-License-Identifier: BSD-3-Clause
// What usherd gives up once its ports are open and its socket listens.
#pragma once

#include "nat/result.hpp"

namespace usher {

// Keeps only what running needs: CAP_NET_ADMIN (neighbours, detaching the XDP program), CAP_BPF
// (its maps), CAP_NET_RAW (AF_XDP's sends). No program that it could start would get more back.
Result<void> drop_privileges();

}  // namespace usher
