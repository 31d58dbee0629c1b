// SPDX-License-Identifier: BSD-3-Clause
#include "schedulers/locality.hpp"

namespace usher {

Locality::Locality(Servers list, std::uint32_t expiration)
    : Scheduler(std::move(list)),
      expiration_(expiration),
      least_(servers()),
      cache_(std::make_shared<DestinationCache>()) {
    look_up_names();
}

void Locality::inherit(const Scheduler& before) {
    cache_ = static_cast<const Locality&>(before).cache_;
    look_up_names();
}

void Locality::look_up_names() {
    names_ = cache_->name(servers());
    index_of_.assign(cache_->names(), kNoServer);
    for (std::size_t i = 0; i < names_.size(); ++i)
        index_of_[names_[i]] = static_cast<int>(i);
}

int Locality::least(Loads loads) const noexcept {
    return least_.find(loads, [&](std::uint32_t index) noexcept { note_fallen(index, loads); });
}

void Locality::note_fallen(std::uint32_t index, Loads loads) const noexcept {
    if (!is_idle(index, loads)) return;
    idle_.store(index, std::memory_order_relaxed);
    none_idle_.store(0, std::memory_order_relaxed);
}

bool Locality::is_swamped(const ScheduledServer& server, Loads loads) const noexcept {
    if (loads.active(server.slot) <= server.weight) return false;
    const bool falls_known = none_idle_.load(std::memory_order_relaxed) > 0 &&
                             least_.look_at_fallen(loads, [&](std::uint32_t index) noexcept {
                                 note_fallen(index, loads);
                             });
    if (is_idle(idle_.load(std::memory_order_relaxed), loads)) return true;
    const std::uint32_t left = none_idle_.load(std::memory_order_relaxed);
    if (falls_known && left > 0) {
        none_idle_.store(left - 1, std::memory_order_relaxed);
        return false;
    }
    // First the note, then the look: what another worker sees fall meanwhile takes the note back.
    constexpr std::uint32_t kTimes = 256;
    none_idle_.store(kTimes, std::memory_order_relaxed);
    for (std::size_t i = 0; i < servers().size(); ++i) {
        if (!is_idle(i, loads)) continue;
        idle_.store(static_cast<std::uint32_t>(i), std::memory_order_relaxed);
        none_idle_.store(0, std::memory_order_relaxed);
        return true;
    }
    return false;
}

}  // namespace usher
