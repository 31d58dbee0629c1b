// SPDX-License-Identifier: BSD-3-Clause
// Fragmented datagrams on their way through, without putting them together. Only the first fragment
// has ports; what was decided about it is remembered for the others.
//
// A datagram of three fragments, of which the second comes first:
//
//   second  accept: held. The table keeps the packet; nobody knows yet where it belongs.
//   first   accept: decide. The caller finds the connection and says so: resolve(handle, value).
//           next_released gives the second back, to be forwarded with `value`.
//   third   accept: follow, with `value`. All bytes were seen, so the datagram is done, and is
//           forgotten a moment later (`late`).
//   second  accept, once more: dropped. After that moment it would be held for a beginning that
//           does not come.
//   first   accept, once more: decide. It is rather that of a later datagram with the same id: each
//           connected socket of a Linux host counts its own ids, from a random one.
//
// Some beginnings have to wait for the end all the same (SCTP's checksum depends on the length): of
// these resolve() is followed by keep(), unless the end is there already; they come back when it
// comes.
//
// What overlaps or contradicts what came before (RFC 5722, RFC 3128) poisons the datagram: that
// fragment, those held and all that come later are dropped, so that the receiver never has the
// whole. A fragment that is exactly like one before is dropped alone. Memory is fixed: a datagram
// may come in FragmentPieces::kMost fragments; beyond `datagrams` the oldest gives way, beyond
// `held` the oldest whose beginning is missing.
//
// One worker's, single-threaded; nothing is allocated after construction. Each call is O(1): lists
// by age, a hash with a secret seed. Ticks are of any length and may wrap. Packets are opaque;
// every packet that was held comes back once, from next_released or next_discarded, and the caller
// takes all of both after each call to anything else.
#pragma once

#include <cstdint>
#include <vector>

#include "nat/drop.hpp"
#include "nat/flow.hpp"
#include "nat/fragment.hpp"
#include "nat/fragment_pieces.hpp"

namespace usher {

class FragmentTable {
  public:
    struct Limits {
        std::uint32_t datagrams = 1024;   // at once; each takes about 400 bytes
        std::uint32_t held = 512;         // packets, of all datagrams
        std::uint32_t held_each = 48;     // packets, of one datagram
        std::uint32_t timeout = 30 * 16;  // ticks that its beginning may take to come, and then
                                          // its end
        std::uint32_t late = 1;           // ticks that a duplicate may be late
    };

    // Names a datagram until it is complete, gives way or times out.
    struct Handle {
        std::uint32_t index = 0, life = 0;
    };

    enum class Verdict : std::uint8_t { decide, follow, hold, drop };
    struct Answer {
        Verdict verdict = Verdict::drop;
        Drop reason = Drop::none;  // of drop
        Handle handle;             // of decide
        std::uint64_t value = 0;   // of follow
        // Of decide and follow: bytes of the datagram's data; 0: its end has not come. On the end
        // of a datagram whose beginning was kept, that is the next and only one released.
        std::uint16_t total = 0;
    };
    struct Discarded {
        void* packet = nullptr;  // null: there is none
        Drop reason = Drop::none;
    };

    FragmentTable(const Limits& limits, const HashSeed& seed);

    // What to do with a fragment. On `hold`, `packet` is the table's until it comes back.
    Answer accept(const Fragment& fragment, void* packet, std::uint32_t now);

    // After `decide`: the datagram's fragments follow with `value`; or, the first fragment having
    // been dropped for `reason`, so are the others. A handle out of date does nothing.
    void resolve(Handle handle, std::uint64_t value);
    void reject(Handle handle, Drop reason);

    // The beginning of a resolved datagram whose end has not come: held until then. False: there is
    // no room, and the datagram's other fragments are dropped.
    bool keep(Handle handle, void* beginning);

    // To be forwarded with the value of the last resolve (a kept beginning: with that of its end);
    // null: no more.
    void* next_released();
    Discarded next_discarded();

    // Forgets what has timed out, a bounded number each call: for the time between bursts. Costs
    // next to nothing when there is nothing to forget.
    void expire(std::uint32_t now);

    std::uint32_t datagrams() const { return in_use_; }  // that are not done
    std::uint32_t held() const { return held_; }

  private:
    static constexpr std::uint32_t kNone = 0xffffffff;

    // waiting: for its beginning. begun: the beginning came, and was not decided about. open: its
    // fragments follow. poisoned: they are dropped. done: all of it was seen.
    enum class Stage : std::uint8_t { waiting, begun, open, poisoned, done };

    struct Place {  // of a packet that is held, or on its way back
        void* packet;
        std::uint32_t next;
        Drop reason;
    };
    struct Queue {  // of places
        std::uint32_t first = kNone, last = kNone;
    };
    struct Ages {  // of datagrams
        std::uint32_t oldest = kNone, newest = kNone;
    };
    struct Datagram {
        FragmentKey key;
        std::uint64_t value = 0;
        std::uint32_t since = 0;  // when it came into its list
        std::uint32_t life = 0;
        std::uint32_t next = kNone;  // in its bucket, or of the free ones
        std::uint32_t older = kNone, newer = kNone;
        Queue held;
        std::uint32_t held_count = 0;
        Stage stage = Stage::waiting;
        Drop fate = Drop::none;  // of poisoned
        FragmentPieces pieces;
    };

    std::uint32_t& bucket_of(const FragmentKey& key);
    std::uint32_t find(const FragmentKey& key, std::uint32_t now);
    std::uint32_t create(const FragmentKey& key, std::uint32_t now);
    void forget(std::uint32_t index, Drop reason);
    void finish(std::uint32_t index);
    bool starts_anew(const Datagram& datagram, const Fragment& fragment) const;
    std::uint32_t oldest(std::uint32_t now) const;
    bool is_expired(std::uint32_t index, std::uint32_t now) const;
    Datagram* begun(Handle handle);

    Ages& ages_of(const Datagram& datagram);
    void link(std::uint32_t index, std::uint32_t now);
    void unlink(std::uint32_t index);
    void leave_waiting(std::uint32_t index, Stage stage, std::uint32_t now);
    void move_on(std::uint32_t index, Stage stage, std::uint32_t now);

    Answer hold(std::uint32_t index, void* packet, std::uint32_t now);
    Answer poison(std::uint32_t index, Drop reason, std::uint32_t now);
    void discard_held(Datagram& datagram, Drop reason);
    void move_held(Datagram& datagram, Queue& to);
    Place pop(Queue& queue);

    const Limits limits_;
    const HashSeed seed_;
    std::vector<Datagram> datagrams_;
    std::vector<std::uint32_t> buckets_;
    std::vector<Place> places_;
    std::uint32_t free_datagram_ = kNone;
    std::uint32_t free_place_ = kNone;
    std::uint32_t in_use_ = 0;
    std::uint32_t held_ = 0;
    std::uint32_t now_ = 0;  // of the last accept()
    Ages waiting_;           // those whose stage that is
    Ages begun_;             // begun, open and poisoned
    Ages done_;
    Queue released_;
    Queue discarded_;
};

}  // namespace usher
