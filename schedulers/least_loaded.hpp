// SPDX-License-Identifier: BSD-3-Clause
// The usable server (with a weight, not overloaded) with the least load / weight, the first in the
// list on ties, where Rule says what load and weight mean. lc, wlc, sed, nq and ovf are this with
// five rules; lblc and lblcr use wlc's.
//
// A short list is looked at server by server. For a long one a tournament remembers the quotients
// as they were when last looked at, and never remembers one that is too great:
// - where a load grows, the remembered quotient is too small. So the winner is looked at again; if
//   it has grown, it is put right and there is another winner, until one is as remembered. That one
//   is the least there is. Most of the time it is the server chosen last that has grown.
// - where a load falls, the worker that lowered it leaves a mark (note_fall), and all marked
//   servers are looked at first.
// So the choice is exactly that of a look at all, at the cost of a few walks through the
// tournament.
//
// Two workers at once: one of them has the tournament, for some tens of nanoseconds. The other
// tries for about as long, then looks at all servers itself; nobody waits for a worker that does
// not run. As with IPVS on two cores, both may see the same loads and name the same server. The
// marks are of all schedulers: for the moment of a change, in which workers use the old one and the
// new one, each may take a mark from the other; so each decision also looks at one more server, in
// turn, and a fall that was missed is found out after as many decisions as there are servers.
//
// Quotients are compared as doubles. Two that differ are different doubles as long as load * weight
// is below 2^52 (the difference of a/b and c/d is at least 1/ad of them), so with weights, over
// their common divisor, up to 2^16 and 2^36 as a load (2^28 connections); a list with greater ones
// is looked at server by server, in 128 bits.
#pragma once

#include <atomic>
#include <limits>
#include <memory>
#include <optional>
#include <span>

#include "schedulers/scheduler.hpp"
#include "schedulers/tournament.hpp"

namespace usher {

// The servers of a long list, by the marks that tell of them.
class MarkedServers {
  public:
    explicit MarkedServers(std::span<const ScheduledServer> servers);

    // Calls look(index) for each whose load has fallen since the last call.
    template <class Look>
    void for_each_fallen(Loads loads, Look look) const noexcept {
        for (const Group& group : groups_)
            for (std::uint64_t marks = loads.take_fallen(group.number, group.mask); marks != 0;
                 marks &= marks - 1)
                look(group.index[std::countr_zero(marks)]);
    }

  private:
    struct Group {
        std::uint32_t number = 0;
        std::uint64_t mask = 0;        // the slots of ours among the 64
        std::uint32_t index[64] = {};  // of the server with that slot
    };
    std::vector<Group> groups_;
};

// Whether doubles will do for the quotients of these servers; see above.
bool fits_doubles(std::span<const ScheduledServer> servers);

inline constexpr std::size_t kShortList = 16;  // servers: where a look at all is as cheap

// Rule: static std::uint64_t load(Loads, slot), below 2^36; static constexpr bool kWeighted; static
// bool takes(const ScheduledServer&, Loads), which is_usable is a part of: whether it may be
// chosen.
template <class Rule>
class LeastLoaded {
  public:
    // `servers` outlives this.
    explicit LeastLoaded(std::span<const ScheduledServer> servers) : servers_(servers) {
        if (servers.size() > kShortList && (!Rule::kWeighted || fits_doubles(servers)))
            ordered_ = std::make_unique<Ordered>(servers);
    }

    int find(Loads loads) const noexcept {
        return find(loads, [](std::uint32_t) {});
    }

    // Calls fell(index) for each server whose load has fallen since somebody looked.
    template <class Fell>
    int find(Loads loads, Fell fell) const noexcept {
        if (!ordered_ || !ordered_->take()) return look_at_all(loads);
        look_at_fallen(*ordered_, loads, fell);
        const int server = play(*ordered_, loads);
        ordered_->give_back();
        return server;
    }
    // Only that. False: nobody knows which have fallen, or another worker is at it.
    template <class Fell>
    bool look_at_fallen(Loads loads, Fell fell) const noexcept {
        if (!ordered_ || !ordered_->take()) return false;
        look_at_fallen(*ordered_, loads, fell);
        ordered_->give_back();
        return true;
    }

    int look_at_all(Loads loads) const noexcept {
        int best = kNoServer;
        std::uint64_t best_load = 0;
        std::uint64_t best_weight = 0;
        for (std::size_t i = 0; i < servers_.size(); ++i) {
            const ScheduledServer& server = servers_[i];
            if (!Rule::takes(server, loads)) continue;
            const std::uint64_t load = Rule::load(loads, server.slot);
            const std::uint64_t weight = Rule::kWeighted ? server.weight : 1;
            if (best == kNoServer || is_less(load, weight, best_load, best_weight)) {
                best = static_cast<int>(i);
                best_load = load;
                best_weight = weight;
            }
        }
        return best;
    }

    // load / weight < other_load / other_weight, without the division; loads go to 2^36 and weights
    // to 2^31, so the products need more than 64 bits.
    static bool is_less(std::uint64_t load, std::uint64_t weight, std::uint64_t other_load,
                        std::uint64_t other_weight) {
        __extension__ using Wide = unsigned __int128;
        return static_cast<Wide>(load) * other_weight < static_cast<Wide>(other_load) * weight;
    }

  private:
    static constexpr double kNever = std::numeric_limits<double>::infinity();

    struct Ordered {
        explicit Ordered(std::span<const ScheduledServer> servers)
            : marked(servers), tournament(static_cast<std::uint32_t>(servers.size())) {}

        bool take() noexcept {
            constexpr int kTries = 20;
            for (int i = 0; i < kTries; ++i) {
                // acquire: pairs with the release of the worker that gave it back
                if (!taken.load(std::memory_order_relaxed) &&
                    !taken.exchange(true, std::memory_order_acquire))
                    return true;
#ifdef __x86_64__
                __builtin_ia32_pause();
#endif
            }
            return false;
        }
        void give_back() noexcept {
            taken.store(false, std::memory_order_release);
        }

        alignas(64) std::atomic<bool> taken{false};
        // Written by the worker that has it.
        bool played = false;
        std::uint32_t turn = 0;  // who is looked at beside the winner
        const MarkedServers marked;
        Tournament tournament;
    };

    double key(Loads loads, std::uint32_t index) const noexcept {
        const ScheduledServer& server = servers_[index];
        if (!Rule::takes(server, loads)) return kNever;
        const auto load = static_cast<double>(Rule::load(loads, server.slot));
        return Rule::kWeighted ? load / server.weight : load;
    }

    void look(Ordered& ordered, Loads loads, std::uint32_t index) const noexcept {
        const double now = key(loads, index);
        if (now != ordered.tournament.key(index)) ordered.tournament.set(index, now);
    }

    template <class Fell>
    void look_at_fallen(Ordered& ordered, Loads loads, Fell fell) const noexcept {
        ordered.marked.for_each_fallen(loads, [&](std::uint32_t index) {
            look(ordered, loads, index);
            fell(index);
        });
    }

    // After look_at_fallen.
    int play(Ordered& ordered, Loads loads) const noexcept {
        Tournament& tournament = ordered.tournament;
        const auto count = static_cast<std::uint32_t>(servers_.size());
        if (!ordered.played) {
            for (std::uint32_t i = 0; i < count; ++i)
                tournament.set_unplayed(i, key(loads, i));
            tournament.play_all();
            ordered.played = true;
        }
        if (++ordered.turn >= count) ordered.turn = 0;
        look(ordered, loads, ordered.turn);

        // Only while other workers keep adding load does this take more turns than servers.
        for (std::uint32_t turns = 0; turns < 2 * count; ++turns) {
            const std::uint32_t winner = tournament.winner();
            const double remembered = tournament.key(winner);
            const double now = key(loads, winner);
            if (now == remembered) return now == kNever ? kNoServer : static_cast<int>(winner);
            tournament.set(winner, now);
        }
        return look_at_all(loads);
    }

    const std::span<const ScheduledServer> servers_;
    std::unique_ptr<Ordered> ordered_;
};

// The rules of the family.
struct AnyUsable {
    static bool takes(const ScheduledServer& server, Loads loads) {
        return is_usable(server, loads);
    }
};

struct ConnectionsPerWeight : AnyUsable {  // wlc, lblc, lblcr
    static constexpr bool kWeighted = true;
    static std::uint64_t load(Loads loads, std::uint32_t slot) {
        return loads.active(slot) * 256 + loads.inactive(slot);
    }
};

}  // namespace usher
