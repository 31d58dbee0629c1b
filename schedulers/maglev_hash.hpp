// SPDX-License-Identifier: BSD-3-Clause
// mh: Maglev hashing (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load
// Balancer", NSDI 2016, section 3.4). Each server has its own order of preference over a table of
// 4093 places, made of its address and port; the servers take turns in list order, each taking its
// next free places, as many as its share of the weight. A client's place is the hash of its
// address, with `port` of address + port. When a server goes, its own clients move, and few others.
//
// The table is made of the last weights other than 0: a server that is quiesced keeps its places,
// and its clients are refused; with `fallback` they are hashed again until a usable server is met.
// Remembers nothing itself: workers do not meet.
#pragma once

#include "schedulers/scheduler.hpp"

namespace usher {

class MaglevHash final : public Scheduler {
  public:
    MaglevHash(Servers servers, const SchedulerOptions& options);
    Choice choose(const Arrival& arrival, Loads loads,
                  std::uint64_t cursor) const noexcept override;

    static constexpr std::uint32_t kPlaces = 4093;  // a prime: every step visits every place

    // What a client's address (and port) hash to before `offset`; for tests.
    static std::uint32_t place_of(std::uint32_t client, std::uint32_t offset);

  private:
    void fill_table();
    bool any_usable(Loads loads) const noexcept;

    const bool fallback_;
    const bool port_;
    std::vector<std::uint32_t> table_;  // indices; empty: no server has a place
};

}  // namespace usher
