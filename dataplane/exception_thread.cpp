// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/exception_thread.hpp"

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>

#include "dataplane/privileges.hpp"

namespace usher {

ExceptionThread::ExceptionThread(std::vector<Link> links, rte_mempool* pool)
    : links_(std::move(links)), pool_(pool) {
    std::vector<int> taps;
    for (const Link& link : links_) {
        taps.push_back(link.tap->fd());
        link.path->set_doze(&doze_);
    }
    doze_.watch(taps, true);
}

ExceptionThread::~ExceptionThread() {
    stop();
}

void ExceptionThread::start() {
    if (!links_.empty()) thread_ = std::thread([this] { run(); });
}

void ExceptionThread::stop() {
    if (!thread_.joinable()) return;
    stopping_.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    doze_.ring();
    thread_.join();
    rte_pktmbuf_free(in_hand_);
    in_hand_ = nullptr;
}

void ExceptionThread::run() {
    if (!give_up_all_privileges()) return;
    prctl(PR_SET_NAME, "usher-exception");
    while (!stopping_.load(std::memory_order_relaxed)) {
        bool busy = false;
        for (const Link& link : links_)
            busy = turn(link) || busy;
        const std::uint64_t now = rte_rdtsc();
        if (busy)
            doze_.refreshed(now);
        else if (doze_.is_tired(now))
            doze_.sleep(Doze::Depth::deep, [this] { return is_idle(); });
        else
            sched_yield();  // the control thread's core
    }
}

bool ExceptionThread::turn(const Link& link) {
    const bool given = to_linux(link);
    return from_linux(link) || given;
}

bool ExceptionThread::is_idle() const {
    return !stopping_.load(std::memory_order_relaxed) &&
           std::all_of(links_.begin(), links_.end(),
                       [](const Link& link) { return link.path->nothing_given(); });
}

// What the tap does not take (it is down) is lost, as on a cable.
bool ExceptionThread::to_linux(const Link& link) {
    ExceptionPath::Batch packets;
    const unsigned count = link.path->take_given(packets);
    for (unsigned i = 0; i < count; ++i)
        [[maybe_unused]] const ssize_t written =
            write(link.tap->fd(), rte_pktmbuf_mtod(packets[i], void*), packets[i]->data_len);
    link.path->give_back({packets.data(), count});
    return count > 0;
}

bool ExceptionThread::from_linux(const Link& link) {
    unsigned count = 0;
    for (; count < ExceptionPath::kBudget && link.path->has_room(); ++count) {
        if (in_hand_ == nullptr) in_hand_ = rte_pktmbuf_alloc(pool_);
        if (in_hand_ == nullptr) break;
        const ssize_t length =
            read(link.tap->fd(), rte_pktmbuf_mtod(in_hand_, void*), rte_pktmbuf_tailroom(in_hand_));
        if (length <= 0) break;
        in_hand_->data_len = static_cast<std::uint16_t>(length);
        in_hand_->pkt_len = static_cast<std::uint32_t>(length);
        link.path->put(in_hand_);
        in_hand_ = nullptr;
    }
    return count > 0;
}

}  // namespace usher
