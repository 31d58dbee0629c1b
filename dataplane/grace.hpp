// SPDX-License-Identifier: BSD-3-Clause
// When may memory that a worker could still be reading be used again? After every worker has
// reported quiescent once: DPDK's rte_rcu_qsbr, held here.
//
// Threads: worker `id` calls online, quiescent and offline for itself; anybody may take a token
// after unlinking something and ask whether it has passed.
#pragma once

#include <rte_rcu_qsbr.h>

#include <cstdlib>
#include <memory>
#include <new>

namespace usher {

class Grace {
  public:
    using Token = std::uint64_t;

    explicit Grace(unsigned workers) {
        const std::size_t size = rte_rcu_qsbr_get_memsize(workers);
        const std::size_t rounded = (size + 63) / 64 * 64;
        state_.reset(static_cast<rte_rcu_qsbr*>(std::aligned_alloc(64, rounded)));
        if (!state_ || rte_rcu_qsbr_init(state_.get(), workers) != 0) throw std::bad_alloc();
    }

    void online(unsigned id) {
        rte_rcu_qsbr_thread_register(state_.get(), id);
        rte_rcu_qsbr_thread_online(state_.get(), id);
    }
    void quiescent(unsigned id) { rte_rcu_qsbr_quiescent(state_.get(), id); }
    void offline(unsigned id) {
        rte_rcu_qsbr_thread_offline(state_.get(), id);
        rte_rcu_qsbr_thread_unregister(state_.get(), id);
    }

    Token start() { return rte_rcu_qsbr_start(state_.get()); }
    bool passed(Token token) { return rte_rcu_qsbr_check(state_.get(), token, false) == 1; }

    // Blocks; never called by a worker.
    void wait() { rte_rcu_qsbr_synchronize(state_.get(), RTE_QSBR_THRID_INVALID); }

  private:
    struct Free {
        void operator()(void* memory) const { std::free(memory); }
    };
    std::unique_ptr<rte_rcu_qsbr, Free> state_;
};

}  // namespace usher
