// SPDX-License-Identifier: BSD-3-Clause
// What the workers have counted, by service and server, and the rates. A service's totals are those
// of its servers, the deleted ones included. Zeroing keeps the workers' counters as they are and
// remembers where zero is. Control thread only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "control/desired_state.hpp"
#include "control/rates.hpp"
#include "control/slot_book.hpp"

namespace usher {

class Statistics {
  public:
    // `read` sums a slot's counters over all workers, since the start of the daemon.
    using ReadSlot = std::function<Stats(ServerSlot)>;
    Statistics(const SlotBook& slots, ReadSlot read) : slots_(slots), read_(std::move(read)) {}

    // After each change: makes room for what is new, forgets services that are gone.
    void follow(const DesiredState& desired);
    // A slot changes hands: its server's counts go to the service, and the next owner begins at 0.
    void released(const SlotOwner& owner, ServerSlot slot);

    void sample();  // every RateEstimator::kPeriod
    void zero(const std::optional<ServiceKey>& service);

    Stats service_stats(const ServiceKey& key) const;
    Rate service_rate(const ServiceKey& key) const;
    Stats server_stats(ServerSlot slot) const;
    Rate server_rate(ServerSlot slot) const;

  private:
    struct Book {
        Stats zero;  // totals that count as nothing
        RateEstimator rate = RateEstimator();
    };
    struct ServerBook : Book {
        bool held = false;
        Stats begin;  // what the slot had counted for its owners before
    };
    struct ServiceBook : Book {
        std::uint64_t created = 0;
        Stats departed;  // of slots that were released
    };
    ServerBook& book_of(ServerSlot slot);
    Stats slot_total(ServerSlot slot) const;
    Stats service_total(const ServiceKey& key) const;

    const SlotBook& slots_;
    ReadSlot read_;
    std::map<ServiceKey, ServiceBook> services_;
    std::vector<ServerBook> servers_;  // by slot
};

}  // namespace usher
