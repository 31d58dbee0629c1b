// SPDX-License-Identifier: BSD-3-Clause
// What IPVS prints with CONFIG_IP_VS_DEBUG, by area and switchable at run time: a worker notes an
// event in a ring of its own, the control thread takes it out and writes the line. A full ring
// loses events, and counts them, rather than make the worker wait.
#pragma once

#include <rte_ring_elem.h>

#include <cstdint>

#include "dataplane/counters.hpp"
#include "nat/flow.hpp"

namespace usher {

enum TraceArea : std::uint32_t {
    kTraceSchedule = 1U << 0,
    kTraceState = 1U << 1,
    kTraceTable = 1U << 2,
    kTraceDrop = 1U << 3,
    kTraceNeighbour = 1U << 4,
};

struct TraceEvent {
    enum class Kind : std::uint8_t {
        scheduled,   // value: server slot
        transition,  // value: old state << 8 | new state
        expired,     // value: state
        evicted,     // value: state
        replaced,    // a SYN took the place of a closed connection; value: state
        dropped,     // value: Drop
        neighbour,   // asked for; value: port, `destination` the address
    } kind;
    std::uint8_t protocol;
    Be16 source_port;
    Be16 destination_port;
    IpAddress source;
    IpAddress destination;
    std::uint32_t value;
};
static_assert(sizeof(TraceEvent) % 4 == 0);  // what a ring takes

// One worker writes, the control thread reads.
class Trace {
  public:
    Trace();
    ~Trace();
    Trace(const Trace&) = delete;
    Trace& operator=(const Trace&) = delete;

    void note(TraceEvent event) {
        if (rte_ring_sp_enqueue_elem(ring_, &event, sizeof event) != 0) lost_.add(1);
    }
    bool take(TraceEvent& event) {
        return rte_ring_sc_dequeue_elem(ring_, &event, sizeof event) == 0;
    }
    std::uint64_t lost_since() {  // the last call
        const std::uint64_t lost = lost_.read() - lost_before_;
        lost_before_ += lost;
        return lost;
    }

  private:
    rte_ring* ring_;
    Counter lost_;
    std::uint64_t lost_before_ = 0;  // the reader's
};

}  // namespace usher
