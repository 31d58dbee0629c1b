// SPDX-License-Identifier: BSD-3-Clause
// A scheduler with its servers, their loads and its cursor, for tests. Servers are numbered in
// IPVS's order, newest first; server i has the address 192.168.0.(i + 1), or what the test says.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "schedulers/registry.hpp"

namespace usher {

using Picks = std::vector<int>;

class Table {
  public:
    Table(const std::string& name, const std::vector<std::uint32_t>& weights,
          const SchedulerOptions& options = {})
        : kind_(find_scheduler(name)), options_(options), loads_(8192) {
        std::vector<std::uint32_t> slots(weights.size());
        std::iota(slots.begin(), slots.end(), 0U);
        build(weights, slots);
        cursor_ = scheduler_->first_cursor();
    }

    // Another state of the servers; slots name those that stay.
    void change(const std::vector<std::uint32_t>& weights,
                const std::vector<std::uint32_t>& slots) {
        const auto before = std::move(scheduler_);
        std::map<std::uint32_t, std::uint32_t> known;
        for (const ScheduledServer& server : before->servers())
            known[server.slot] = server.weight > 0 ? server.weight : server.last_weight;
        last_weights_ = std::move(known);
        build(weights, slots);
        scheduler_->inherit(*before);
        cursor_ = scheduler_->carry(*before, cursor_);
    }

    int pick(const Arrival& arrival = {}) {
        const Choice choice = scheduler_->choose(arrival, Loads(loads_.data()), cursor_);
        cursor_ = choice.cursor;
        return choice.server;
    }
    Picks picks(int count) {
        Picks list;
        for (int i = 0; i < count; ++i)
            list.push_back(pick());
        return list;
    }
    // A connection of that many more, or fewer, as a worker counts them.
    void add(std::size_t slot, int active, int inactive) {
        loads_[slot].active += active;
        loads_[slot].inactive += inactive;
        if (active < 0 || inactive < 0) note_fall(loads_.data(), static_cast<std::uint32_t>(slot));
    }
    void set_overloaded(std::size_t slot, bool overloaded) {
        loads_[slot].overloaded = overloaded ? 1 : 0;
        if (!overloaded) note_fall(loads_.data(), static_cast<std::uint32_t>(slot));
    }

    ServerLoad& load(std::size_t slot) { return loads_[slot]; }
    Loads loads() const { return Loads(loads_.data()); }
    const Scheduler& scheduler() const { return *scheduler_; }
    std::uint64_t cursor() const { return cursor_; }

  private:
    void build(const std::vector<std::uint32_t>& weights, const std::vector<std::uint32_t>& slots) {
        Scheduler::Servers servers;
        for (std::size_t i = 0; i < weights.size(); ++i)
            servers.push_back({weights[i], slots[i],
                               IpAddress(Be32::from_host(0xc0a80001U + slots[i])), 80,
                               last_weights_[slots[i]]});
        scheduler_ = kind_->make(std::move(servers), options_);
    }

    const SchedulerKind* kind_;
    const SchedulerOptions options_;
    std::unique_ptr<Scheduler> scheduler_;
    std::vector<ServerLoad> loads_;
    std::map<std::uint32_t, std::uint32_t> last_weights_;  // by slot
    std::uint64_t cursor_ = 0;
};

inline Arrival from(const std::string& client, std::uint16_t port = 40000) {
    Arrival arrival;
    arrival.client = *IpAddress::parse(client);
    arrival.client_port = port;
    return arrival;
}

inline Arrival to(const std::string& destination, std::uint32_t now = 0) {
    Arrival arrival;
    arrival.destination = *IpAddress::parse(destination);
    arrival.now = now;
    return arrival;
}

}  // namespace usher
