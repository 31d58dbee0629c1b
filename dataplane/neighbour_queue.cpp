// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/neighbour_queue.hpp"

#include <cstdlib>
#include <new>

namespace usher {

namespace {
constexpr unsigned kRequests = 1024;
}

NeighbourQueue::NeighbourQueue() {
    const ssize_t size = rte_ring_get_memsize_elem(sizeof(NeighbourRequest), kRequests);
    const std::size_t rounded = (static_cast<std::size_t>(size) + 63) / 64 * 64;
    requests_ = static_cast<rte_ring*>(std::aligned_alloc(64, rounded));
    if (requests_ == nullptr ||
        rte_ring_init(requests_, "neighbours", kRequests, RING_F_SP_ENQ | RING_F_SC_DEQ))
        throw std::bad_alloc();
}

NeighbourQueue::~NeighbourQueue() {
    sift([](const Waiting& waiting) {
        rte_pktmbuf_free(waiting.packet);
        return false;
    });
    std::free(requests_);
}

bool NeighbourQueue::put(const Waiting& waiting) {
    unsigned same = 0;
    for (unsigned i = 0; i < count_; ++i)
        same += waiting_[i].neighbour == waiting.neighbour && waiting_[i].port == waiting.port;
    if (count_ == kRoom || same == kRoomPerNeighbour) return false;
    if (same == 0) {
        NeighbourRequest request{waiting.neighbour, waiting.port};
        // Full: the control thread is behind, and will hear of it with a later packet.
        static_cast<void>(rte_ring_sp_enqueue_elem(requests_, &request, sizeof request));
    }
    waiting_[count_++] = waiting;
    return true;
}

bool NeighbourQueue::take_request(NeighbourRequest& request) {
    return rte_ring_sc_dequeue_elem(requests_, &request, sizeof request) == 0;
}

}  // namespace usher
