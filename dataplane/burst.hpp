// SPDX-License-Identifier: BSD-3-Clause
// The packets that a worker has in hand, field by field. Each stage is a loop over it; a packet
// that goes no further (dropped, refused, put aside) is left out when the stage closes the gaps.
#pragma once

#include <rte_mbuf.h>

#include <array>

#include "dataplane/connection_table.hpp"
#include "dataplane/network.hpp"
#include "nat/headers.hpp"

namespace usher {

inline constexpr unsigned kMaxBurst = 32;

template <Family F>
struct Burst {
    static constexpr unsigned kMax = kMaxBurst;

    unsigned count = 0;
    PortIndex port = 0;  // where they came in
    // A bit a packet, until decide is through:
    std::uint32_t unknown = 0;  // look_up found nothing: perhaps a first packet
    std::uint32_t gone = 0;     // goes no further
    std::array<rte_mbuf*, kMax> packets;
    std::array<Headers, kMax> headers;
    std::array<Flow<F>, kMax> flows;
    std::array<std::uint64_t, kMax> hashes;
    std::array<Entry, kMax> entries;  // after look_up: a guess by tag; after decide: the entry

    std::uint8_t* frame(unsigned i) const { return rte_pktmbuf_mtod(packets[i], std::uint8_t*); }

    // Closes the gaps that the packets in `gone` leave.
    void close_gaps() {
        unsigned kept = 0;
        for (unsigned i = 0; i < count; ++i)
            if (!(gone >> i & 1)) move(i, kept++);
        count = kept;
    }

    void move(unsigned from, unsigned to) {
        if (from == to) return;
        packets[to] = packets[from];
        headers[to] = headers[from];
        flows[to] = flows[from];
        hashes[to] = hashes[from];
        entries[to] = entries[from];
    }
};

}  // namespace usher
