// SPDX-License-Identifier: BSD-3-Clause
// A port without a device: what is transmitted there is counted and left to its owner. It is
// entered where rte_eth_tx_burst looks the driver up, so the worker takes its ordinary way out.
#pragma once

#include <cstdint>

#include "dataplane/transmit.hpp"

namespace usher::bench {

class Sink {
  public:
    explicit Sink(std::uint16_t port_id);  // an id that no device has: RTE_MAX_ETHPORTS - 1, ...
    std::uint64_t packets() const { return state_.packets; }
    PortAccess access() const;

  private:
    struct State {
        std::uint64_t packets = 0;
        void* queue = nullptr;
        void* callback = nullptr;
    };
    static std::uint16_t swallow(void* queue, rte_mbuf** packets, std::uint16_t count);

    std::uint16_t id_;
    alignas(64) State state_;
};

}  // namespace usher::bench
