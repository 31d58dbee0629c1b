// SPDX-License-Identifier: BSD-3-Clause
// A port without a device: what a worker transmits there is kept for whoever asks. It is entered
// where rte_eth_tx_burst looks the driver up, so the worker takes its ordinary way out.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/transmit.hpp"

namespace usher::replay {

class Catcher {
  public:
    explicit Catcher(std::uint16_t port_id);  // an id that no device has: RTE_MAX_ETHPORTS - 1, ...
    ~Catcher();
    Catcher(const Catcher&) = delete;
    Catcher& operator=(const Catcher&) = delete;

    PortAccess access() const;
    std::vector<rte_mbuf*> take();  // the caller's to free

  private:
    struct State {
        std::vector<rte_mbuf*> packets;
        void* queue = nullptr;
        void* callback = nullptr;
    };
    static std::uint16_t keep(void* queue, rte_mbuf** packets, std::uint16_t count);

    const std::uint16_t id_;
    State state_;
};

}  // namespace usher::replay
