// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/neighbour_queue.hpp"

#include <cstdlib>
#include <new>

namespace usher {

NeighbourQueue::NeighbourQueue(const HashSeed& seed) : seed_(seed) {
    const ssize_t size = rte_ring_get_memsize_elem(sizeof(NeighbourRequest), kRequestRoom);
    const std::size_t rounded = (static_cast<std::size_t>(size) + 63) / 64 * 64;
    requests_ = static_cast<rte_ring*>(std::aligned_alloc(64, rounded));
    if (requests_ == nullptr ||
        rte_ring_init(requests_, "neighbours", kRequestRoom, RING_F_SP_ENQ | RING_F_SC_DEQ))
        throw std::bad_alloc();
}

NeighbourQueue::~NeighbourQueue() {
    sift([](const Waiting& waiting) {
        rte_pktmbuf_free(waiting.packet);
        return false;
    });
    std::free(requests_);
}

rte_mbuf* NeighbourQueue::put(const Waiting& waiting) {
    Row& row = row_of(waiting.neighbour);
    ask(row, waiting);
    rte_mbuf* oldest = nullptr;
    if (row.count == kRowRoom) {
        oldest = row.waiting[0].packet;
        std::move(row.waiting.begin() + 1, row.waiting.end(), row.waiting.begin());
        --row.count;
        --count_;
    }
    row.waiting[row.count++] = waiting;
    ++count_;
    return oldest;
}

NeighbourQueue::Row& NeighbourQueue::row_of(const IpAddress& neighbour) {
    std::array<std::uint64_t, 2> words;
    std::memcpy(words.data(), neighbour.bytes().data(), sizeof words);
    const std::uint64_t hash = fold_multiply(words[0] ^ seed_.first, words[1] ^ seed_.second);
    return rows_[fold_multiply(hash, seed_.third) % kRows];
}

// Unless that was done a moment ago.
void NeighbourQueue::ask(Row& row, const Waiting& waiting) {
    Asked* place = &row.asked[row.next_asked];
    for (Asked& one : row.asked)
        if (one.used && one.neighbour == waiting.neighbour && one.port == waiting.port)
            place = &one;
    const bool known =
        place->used && place->neighbour == waiting.neighbour && place->port == waiting.port;
    if (known && waiting.since - place->when < kAskAgain) return;
    NeighbourRequest request{waiting.neighbour, waiting.port};
    // Full: the control thread is behind, and will hear of it with a later packet.
    if (rte_ring_sp_enqueue_elem(requests_, &request, sizeof request) != 0) return;
    if (!known) row.next_asked = (row.next_asked + 1) % kRowRoom;
    *place = {waiting.neighbour, waiting.port, true, waiting.since};
}

bool NeighbourQueue::take_request(NeighbourRequest& request) {
    return rte_ring_sc_dequeue_elem(requests_, &request, sizeof request) == 0;
}

}  // namespace usher
