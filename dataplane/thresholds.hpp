// SPDX-License-Identifier: BSD-3-Clause
// ipvsadm -x and -y: a server with `upper` connections or more gets no new ones until they have
// fallen below `lower` (below three quarters of `upper` when there is none). As in IPVS, it is
// looked at when a connection is bound or unbound, and every connection counts, closed ones too.
//
// Threads: any worker. A count is changed before it is looked at, and `overloaded` is set before
// the counts are looked at once more, so that of two workers one sees what the other did: the mark
// never stays for good on a server whose connections are gone.
#pragma once

#include "schedulers/scheduler.hpp"

namespace usher {

inline std::uint64_t connections_of(const ServerLoad& load) {
    const std::int64_t count = std::int64_t{load.active.load(std::memory_order_seq_cst)} +
                               load.inactive.load(std::memory_order_seq_cst);
    return count > 0 ? static_cast<std::uint64_t>(count) : 0;
}

inline bool has_room_again(const ServerLoad& load) {
    const std::uint64_t upper = load.upper.load(std::memory_order_relaxed);
    const std::uint64_t lower = load.lower.load(std::memory_order_relaxed);
    if (upper == 0) return true;
    return lower != 0 ? connections_of(load) < lower : connections_of(load) * 4 < upper * 3;
}

// After a connection or template of the server was counted.
inline void look_after_bind(ServerLoad* by_slot, std::uint32_t slot) {
    ServerLoad& load = by_slot[slot];
    const std::uint32_t upper = load.upper.load(std::memory_order_relaxed);
    if (upper == 0 || connections_of(load) < upper) return;
    load.overloaded.store(1, std::memory_order_seq_cst);
    if (!has_room_again(load)) return;
    load.overloaded.store(0, std::memory_order_seq_cst);
    note_fall(by_slot, slot);
}

// After one is counted no more. Schedulers are told.
inline void look_after_unbind(ServerLoad* by_slot, std::uint32_t slot) {
    ServerLoad& load = by_slot[slot];
    if (load.overloaded.load(std::memory_order_seq_cst) != 0 && has_room_again(load))
        load.overloaded.store(0, std::memory_order_seq_cst);
    note_fall(by_slot, slot);
}

}  // namespace usher
