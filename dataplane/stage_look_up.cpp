// SPDX-License-Identifier: BSD-3-Clause
// Stage 2: the first entry with the right tag, and its connection's line on the way to the cache.
#include "dataplane/worker.hpp"

namespace usher {

void Worker::look_up(Burst& burst) {
    for (unsigned i = 0; i < burst.count; ++i) {
        burst.entries[i] = plane_.table.candidate(burst.hashes[i]);
        if (!burst.entries[i]) burst.unknown |= 1U << i;
    }
}

}  // namespace usher
