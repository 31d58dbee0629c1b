// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/trace.hpp"

#include <cstdlib>
#include <new>

namespace usher {

namespace {
constexpr unsigned kEvents = 4096;
}

Trace::Trace() {
    const ssize_t size = rte_ring_get_memsize_elem(sizeof(TraceEvent), kEvents);
    const std::size_t rounded = (static_cast<std::size_t>(size) + 63) / 64 * 64;
    ring_ = static_cast<rte_ring*>(std::aligned_alloc(64, rounded));
    if (ring_ == nullptr || rte_ring_init(ring_, "trace", kEvents, RING_F_SP_ENQ | RING_F_SC_DEQ))
        throw std::bad_alloc();
}

Trace::~Trace() {
    std::free(ring_);
}

}  // namespace usher
