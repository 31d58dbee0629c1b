// SPDX-License-Identifier: BSD-3-Clause
// The ports and ICMP query ids of the addresses that masquerading hides the inside behind: which of
// them are free. What a port stands for (the mapping) is in the connection table, not here.
//
// Theory of operation, on one port. 10.0.0.55:5353 wants to send from 203.0.113.20, of which
// masquerading has all ports. lease() gives 5353 itself, if it is free: port, parity and range are
// kept (RFC 4787 REQ-3, REQ-4). Another host that wants 5353 as well gets an odd port over 1023,
// from a random place on (RFC 6056), or an even one when no odd one is left. When the last
// connection and then the mapping have come to their end, rest() puts the port aside: for 60 to 90
// s nobody gets it, so that what is still under way to the old host does not reach a new one (RFC
// 7857 section 6, RFC 6191). Only then is it free.
//
// A port is five bits, each in a bitmap of the address and kind: used, a service's, and resting,
// three times. Who leases sets `used` by fetch_or: one worker wins. A port that rests is marked in
// the bitmap of the generation that is on; when that comes round again, every 3 generations, the
// bitmap is cleared first. Rejected: a time for each port (128 KiB instead of 24, and the scan for
// a free one reads it), and a list of free ports for each worker (a worker without the right parity
// would have to borrow).
//
// Threads: lease, give_back and rest any worker, at any time, without waiting for each other. The
// rest the control thread. Memory: 40 KiB an address and kind, reserved at construction, touched
// when used. A port is in host order; 0 is never handed out and means none.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/clock.hpp"
#include "dataplane/mapped_array.hpp"

namespace usher {

using OutsideIndex = std::uint16_t;  // of an address; the control thread's OutsideBook has them
inline constexpr OutsideIndex kMaxOutside = 256;
inline constexpr OutsideIndex kNoOutside = 0xffff;

// What an address has 65,535 of; ICMP and ICMPv6 cannot meet on one address.
enum class PortKind : std::uint8_t { tcp, udp, query };
inline constexpr unsigned kPortKinds = 3;

// Of an IP protocol; none: it is not masqueraded.
std::optional<PortKind> port_kind(std::uint8_t protocol);

// Sparse: so that whoever counts through all ports seldom meets one, and never two in a row.
enum class Density : std::uint8_t { every, sparse };
inline constexpr std::uint16_t kSparseBits = 63;  // sparse ports have all of these bits

// Eight bytes, to be stored at once.
struct alignas(8) PortSpan {  // both ends included; first > last: no port
    std::uint16_t first = 1;
    std::uint16_t last = 0;
    Density density = Density::every;
    friend bool operator==(const PortSpan&, const PortSpan&) = default;
};

// What rests does so for two to three generations.
inline constexpr unsigned kGenerationSeconds = 30;

// A range that is used up stays so for this time, as far as a lease knows: without that, one host
// that opens and opens connections would have a worker do nothing but look for ports.
inline constexpr Ticks kKnownEmpty = kTicksPerSecond / 4;

class PortPool {
  public:
    explicit PortPool(OutsideIndex addresses = kMaxOutside);

    // Workers. A free port for someone who sends from `wanted`; 0: there is none, which is counted.
    // Where none was found, for kKnownEmpty nobody looks again through all of them: only whether
    // `wanted` is free, or a low port for a low one.
    std::uint16_t lease(OutsideIndex outside, PortKind kind, std::uint16_t wanted,
                        std::uint64_t random, Ticks now);
    // One to send from without a lease, whoever has leased it, for a flow that something else tells
    // from all others: `wanted`, or one by chance. 0: services have them all.
    std::uint16_t any(OutsideIndex outside, PortKind kind, std::uint16_t wanted,
                      std::uint64_t random) const;
    // For whom there was no such port.
    void count_exhausted(OutsideIndex outside, PortKind kind) {
        accounts_[place(outside, kind)].exhausted.fetch_add(1, std::memory_order_relaxed);
    }
    // Of a leased port from which nothing was sent: free at once.
    void give_back(OutsideIndex outside, PortKind kind, std::uint16_t port);
    // Of one from which something was.
    void rest(OutsideIndex outside, PortKind kind, std::uint16_t port);

    // Control thread. What may be handed out from now on; ports that are leased stay so.
    void set_span(OutsideIndex outside, PortSpan ports, PortSpan queries);
    void set_span(OutsideIndex outside, PortSpan all) { set_span(outside, all, all); }
    // Not these: services have them on this address. Port 0 means every port.
    void set_services(OutsideIndex outside, PortKind kind, const std::vector<std::uint16_t>& ports);
    // The index, of which nothing is used or rests, is another address's from now on: what was
    // counted for it is not.
    void begin_address(OutsideIndex outside);
    // Every kGenerationSeconds.
    void begin_generation();

    struct Use {
        std::uint32_t ports = 0;      // that may be handed out, used or not
        std::uint32_t used = 0;       // by mappings, also ports that are no longer in the span
        std::uint32_t resting = 0;    // and not used
        std::uint64_t exhausted = 0;  // times that there was none
    };
    Use use(OutsideIndex outside, PortKind kind) const;
    bool is_idle(OutsideIndex outside) const;  // nothing of it is used or rests
    OutsideIndex addresses() const { return addresses_; }

  private:
    static constexpr unsigned kGenerations = 3;
    static constexpr unsigned kWords = 65536 / 64;
    using Word = std::atomic<std::uint64_t>;
    struct Ports {
        // `used` is taken by acquire and left by release: who takes it sees that it rests.
        std::array<Word, kWords> used;
        std::array<std::array<Word, kWords>, kGenerations> resting;
        std::array<Word, kWords> services;

        std::uint64_t rests(unsigned word) const;
        std::uint64_t is_services(unsigned word) const {
            return services[word].load(std::memory_order_relaxed);
        }
    };
    static_assert(sizeof(Ports) == 40 * 1024);
    struct Account {
        std::atomic<std::uint64_t> exhausted{0};
        // When all but the low ports were last found taken, and kFound; 0: not since then.
        std::atomic<std::uint64_t> found_empty{0};

        bool is_empty(Ticks now) const {
            const std::uint64_t found = found_empty.load(std::memory_order_relaxed);
            return found != 0 && now - static_cast<Ticks>(found) < kKnownEmpty;
        }
    };
    static constexpr std::uint64_t kFound = std::uint64_t{1} << 32;

    PortSpan span_at(std::size_t place) const;
    std::size_t place(OutsideIndex outside, PortKind kind) const {
        return std::size_t{outside} * kPortKinds + static_cast<std::size_t>(kind);
    }
    static std::uint16_t first_from(unsigned turn, unsigned word, std::uint64_t bits);
    static bool take(Ports& ports, std::uint16_t port);
    static std::uint16_t take_some(Ports& ports, PortSpan span, std::uint64_t parity,
                                   std::uint64_t random);
    static std::uint16_t take_either(Ports& ports, PortSpan span, std::uint16_t wanted,
                                     std::uint64_t random);
    static bool wants_low(PortSpan span, PortKind kind, std::uint16_t wanted);

    const OutsideIndex addresses_;
    MappedArray<Ports> ports_;  // by place
    std::vector<Account> accounts_;
    std::vector<std::atomic<PortSpan>> spans_;  // by place
    std::vector<bool>
        opened_;  // had a port ever: the others' memory is not touched; control thread
    // Of the resting bitmap that rest() marks. A worker that is late by one marks the one before,
    // and the port rests for a generation less.
    std::atomic<unsigned> generation_{0};
};

}  // namespace usher
