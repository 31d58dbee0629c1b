// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/exception_path.hpp"

#include <stdexcept>

namespace usher {

namespace {

rte_ring* make_ring(const std::string& name, unsigned flags) {
    rte_ring* ring = rte_ring_create(name.c_str(), ExceptionPath::kRoom, SOCKET_ID_ANY, flags);
    if (ring == nullptr) throw std::runtime_error("no memory for the ring " + name);
    return ring;
}

void free_ring(rte_ring* ring) {
    if (ring == nullptr) return;
    void* packet = nullptr;
    while (rte_ring_dequeue(ring, &packet) == 0)
        rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
    rte_ring_free(ring);
}

}  // namespace

ExceptionPath::ExceptionPath(const std::string& name)
    : to_linux_(make_ring("to_" + name, RING_F_SC_DEQ)),
      spent_(make_ring("spent_" + name, RING_F_SP_ENQ | RING_F_SC_DEQ)),
      from_linux_(make_ring("from_" + name, RING_F_SP_ENQ | RING_F_SC_DEQ)) {}

ExceptionPath::~ExceptionPath() {
    free_ring(to_linux_);
    free_ring(spent_);
    free_ring(from_linux_);
}

unsigned ExceptionPath::give(std::span<rte_mbuf* const> packets) {
    const auto* objects = reinterpret_cast<void* const*>(packets.data());
    const unsigned given = rte_ring_mp_enqueue_burst(
        to_linux_, objects, static_cast<unsigned>(packets.size()), nullptr);
    std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with the one of its sleep
    if (given > 0 && doze_ != nullptr && doze_->sleeping()) doze_->wake();
    return given;
}

void ExceptionPath::free_spent() {
    Batch packets;
    const unsigned count = dequeue(spent_, packets);
    if (count > 0) rte_pktmbuf_free_bulk(packets.data(), count);
}

unsigned ExceptionPath::take_given(Batch& packets) {
    const unsigned room = std::min(kBudget, rte_ring_free_count(spent_));
    return rte_ring_sc_dequeue_burst(to_linux_, reinterpret_cast<void**>(packets.data()), room,
                                     nullptr);
}

void ExceptionPath::give_back(std::span<rte_mbuf* const> packets) {
    rte_ring_sp_enqueue_burst(spent_, reinterpret_cast<void* const*>(packets.data()),
                              static_cast<unsigned>(packets.size()), nullptr);
}

unsigned ExceptionPath::dequeue(rte_ring* ring, Batch& packets) {
    return rte_ring_sc_dequeue_burst(ring, reinterpret_cast<void**>(packets.data()),
                                     static_cast<unsigned>(packets.size()), nullptr);
}

}  // namespace usher
