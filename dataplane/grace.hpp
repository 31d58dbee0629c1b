// SPDX-License-Identifier: BSD-3-Clause
// When may memory that a worker could still be reading be used again? After every worker has
// reported quiescent once: DPDK's rte_rcu_qsbr, held here.
//
// Threads: worker `id` calls online, quiescent and offline for itself; anybody may take a token
// after unlinking something and ask whether it has passed.
#pragma once

#include <rte_rcu_qsbr.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>

namespace usher {

class Grace {
  public:
    using Token = std::uint64_t;

    explicit Grace(unsigned threads) : threads_(threads) {
        const std::size_t size = rte_rcu_qsbr_get_memsize(threads);
        const std::size_t rounded = (size + 63) / 64 * 64;
        state_.reset(static_cast<rte_rcu_qsbr*>(std::aligned_alloc(64, rounded)));
        if (!state_ || rte_rcu_qsbr_init(state_.get(), threads) != 0) throw std::bad_alloc();
    }

    void online(unsigned id) {
        rte_rcu_qsbr_thread_register(state_.get(), id);
        rte_rcu_qsbr_thread_online(state_.get(), id);
    }
    void quiescent(unsigned id) { rte_rcu_qsbr_quiescent(state_.get(), id); }
    void offline(unsigned id) { rte_rcu_qsbr_thread_offline(state_.get(), id); }

    Token start() { return rte_rcu_qsbr_start(state_.get()); }

    // rte_rcu_qsbr_check() would do, but for its shortcut: a token that another thread has seen
    // pass is read without order, so that nothing says that the readers' reads come before our
    // reuse. The acquire pairs with the release in rte_rcu_qsbr_quiescent and _thread_offline.
    bool passed(Token token) const {
        for (unsigned id = 0; id < threads_; ++id) {
            const std::uint64_t seen = __atomic_load_n(&state_->qsbr_cnt[id].cnt, __ATOMIC_ACQUIRE);
            if (seen != __RTE_QSBR_CNT_THR_OFFLINE && seen < token) return false;
        }
        return true;
    }

    // Blocks; never called by a worker. It sleeps in between: a worker may have to run on the core
    // that we would spin on.
    void wait() {
        const Token token = start();
        while (!passed(token))
            std::this_thread::sleep_for(std::chrono::microseconds(20));
    }

  private:
    struct Free {
        void operator()(void* memory) const { std::free(memory); }
    };
    const unsigned threads_;
    std::unique_ptr<rte_rcu_qsbr, Free> state_;
};

}  // namespace usher
