// SPDX-License-Identifier: BSD-3-Clause
// Stage 2: the first entry with the right tag, and its connection's line on the way to the cache.
#include "dataplane/worker.hpp"

namespace usher {

template <Family F>
void Worker::look_up(Burst<F>& burst) {
    for (unsigned i = 0; i < burst.count; ++i) {
        burst.entries[i] = plane_.table.candidate<F>(burst.hashes[i]);
        if (!burst.entries[i]) burst.unknown |= 1U << i;
    }
}

template void Worker::look_up(Burst<Family::ipv4>&);
template void Worker::look_up(Burst<Family::ipv6>&);

}  // namespace usher
