// SPDX-License-Identifier: BSD-3-Clause
// What lblc and lblcr have in common: a memory of destinations, wlc for those that are new, and
// IPVS's measure of a server that is swamped. Two workers: see destination_cache.hpp.
#pragma once

#include <memory>

#include "schedulers/destination_cache.hpp"
#include "schedulers/least_loaded.hpp"

namespace usher {

class Locality : public Scheduler {
  public:
    Locality(Servers servers, std::uint32_t expiration);
    void inherit(const Scheduler& before) override;

  protected:
    // Index of the server with that number, or kNoServer: it is not one of ours now.
    int index_of(ServerName name) const noexcept {
        return name < index_of_.size() ? index_of_[name] : kNoServer;
    }
    ServerName name_of(int index) const noexcept { return names_[static_cast<std::size_t>(index)]; }
    const ScheduledServer& server(int index) const noexcept {
        return servers()[static_cast<std::size_t>(index)];
    }

    // It has more active connections than its weight, and another server has less than half.
    bool is_swamped(const ScheduledServer& server, Loads loads) const noexcept;

    // What wlc chooses among all, or kNoServer.
    int least(Loads loads) const noexcept;

    DestinationCache& cache() const noexcept { return *cache_; }
    const std::uint32_t expiration_;  // seconds

  private:
    void look_up_names();
    bool is_idle(std::size_t index, Loads loads) const noexcept {
        return loads.active(servers()[index].slot) * 2 < servers()[index].weight;
    }
    void note_fallen(std::uint32_t index, Loads loads) const noexcept;

    const LeastLoaded<ConnectionsPerWeight> least_;
    std::shared_ptr<DestinationCache> cache_;
    std::vector<ServerName> names_;  // by index
    std::vector<int> index_of_;      // by name
    // Written by any worker. Where a server with less than half of its weight was seen last; and
    // how often yet nobody needs to look for one, because all were looked at in vain and since then
    // no load has fallen so far.
    mutable std::atomic<std::uint32_t> idle_{0};
    mutable std::atomic<std::uint32_t> none_idle_{0};
};

}  // namespace usher
