// SPDX-License-Identifier: BSD-3-Clause
// A whole FTP control connection through the helper, as a stream of choices decides: what both say,
// how it is cut into segments, what the network loses, doubles and reorders on each side of us, and
// what is sent again in which cuts. In the end the network delivers, and all must arrive: as the
// reference says, in bounded time, and nobody may be told what the other did not say.
#pragma once

#include <cstdint>
#include <span>

namespace usher::test {

// Throws Broken on any deviation.
void run_ftp_path(std::span<const std::uint8_t> choices);

}  // namespace usher::test
