// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port_pool.hpp"

#include <algorithm>
#include <bit>

namespace usher {

namespace {

constexpr std::uint64_t kEven = 0x5555555555555555;
constexpr std::uint64_t kOdd = ~kEven;
constexpr std::uint64_t kAny = ~std::uint64_t{0};
constexpr std::uint16_t kFirstUserPort = 1024;  // RFC 4787 REQ-3: ranges 0-1023 and 1024-65535

constexpr std::uint64_t bit_of(std::uint16_t port) {
    return std::uint64_t{1} << port % 64;
}

constexpr bool contains(PortSpan span, std::uint16_t port) {
    return port >= span.first && port <= span.last &&
           (span.density == Density::every || (port & kSparseBits) == kSparseBits);
}

constexpr PortSpan below(PortSpan span, std::uint16_t port) {
    return {span.first, std::min<std::uint16_t>(span.last, port - 1), span.density};
}

constexpr PortSpan from(PortSpan span, std::uint16_t port) {
    return {std::max(span.first, port), span.last, span.density};
}

constexpr bool is_empty(PortSpan span) {
    return span.first > span.last;
}

// The bits of one word that are in the span.
constexpr std::uint64_t bits_in(PortSpan span, unsigned word) {
    static_assert(kSparseBits == 63, "the last bit of a word");
    std::uint64_t bits = span.density == Density::every ? kAny : bit_of(kSparseBits);
    if (span.first / 64U == word) bits &= kAny << span.first % 64;
    if (span.last / 64U == word) bits &= kAny >> (63 - span.last % 64);
    return bits;
}

}  // namespace

std::optional<PortKind> port_kind(std::uint8_t protocol) {
    switch (protocol) {
        case 6:
            return PortKind::tcp;
        case 17:
            return PortKind::udp;
        case 1:
        case 58:
            return PortKind::query;
        default:
            return std::nullopt;
    }
}

PortPool::PortPool(OutsideIndex addresses)
    : addresses_(addresses),
      ports_(std::size_t{addresses} * kPortKinds),
      accounts_(ports_.size()),
      spans_(ports_.size()),
      opened_(addresses) {
    for (OutsideIndex i = 0; i < addresses; ++i)
        set_span(i, {});
}

PortSpan PortPool::span_at(std::size_t place) const {
    return spans_[place].load(std::memory_order_relaxed);
}

std::uint64_t PortPool::Ports::rests(unsigned word) const {
    std::uint64_t bits = 0;
    for (const auto& generation : resting)
        bits |= generation[word].load(std::memory_order_relaxed);
    return bits;
}

// Acquire: pairs with the release in rest(), so that one who takes a port that was left after our
// look sees that it rests.
bool PortPool::take(Ports& ports, std::uint16_t port) {
    const unsigned word = port / 64;
    const std::uint64_t bit = bit_of(port);
    if ((ports.used[word].load(std::memory_order_relaxed) | ports.rests(word) |
         ports.is_services(word)) &
        bit)
        return false;
    if (ports.used[word].fetch_or(bit, std::memory_order_acquire) & bit) return false;
    if (!(ports.rests(word) & bit)) return true;
    ports.used[word].fetch_and(~bit, std::memory_order_release);
    return false;
}

// The first bit of a word from a random one on; not of an empty word.
std::uint16_t PortPool::first_from(unsigned turn, unsigned word, std::uint64_t bits) {
    const int bit = std::countr_zero(std::rotr(bits, static_cast<int>(turn)));
    return static_cast<std::uint16_t>(word * 64 + (static_cast<unsigned>(bit) + turn) % 64);
}

// From a random place on; within the word that has one, from a random bit on.
std::uint16_t PortPool::take_some(Ports& ports, PortSpan span, std::uint64_t parity,
                                  std::uint64_t random) {
    if (is_empty(span)) return 0;
    const unsigned first = span.first / 64;
    const unsigned count = span.last / 64 - first + 1;
    const auto start = static_cast<unsigned>((random >> 32) % count);
    const auto turn = static_cast<unsigned>(random % 64);
    for (unsigned i = 0; i < count; ++i) {
        const unsigned word = first + (start + i) % count;
        std::uint64_t free = ~(ports.used[word].load(std::memory_order_relaxed) |
                               ports.rests(word) | ports.is_services(word)) &
                             bits_in(span, word) & parity;
        while (free != 0) {
            const std::uint16_t port = first_from(turn, word, free);
            if (take(ports, port)) return port;
            free &= ~bit_of(port);
        }
    }
    return 0;
}

// Of the parity of `wanted`, if there is one.
std::uint16_t PortPool::take_either(Ports& ports, PortSpan span, std::uint16_t wanted,
                                    std::uint64_t random) {
    const std::uint64_t parity = wanted % 2 == 0 ? kEven : kOdd;
    const std::uint16_t port = take_some(ports, span, parity, random);
    return port != 0 ? port : take_some(ports, span, ~parity, random);
}

// A low port may become a high one, so that what must send from low ports gets out at all; a high
// one never takes a low one away, unless there are no others. Query ids have no ranges.
bool PortPool::wants_low(PortSpan span, PortKind kind, std::uint16_t wanted) {
    return kind != PortKind::query &&
           (wanted < kFirstUserPort || is_empty(from(span, kFirstUserPort)));
}

std::uint16_t PortPool::lease(OutsideIndex outside, PortKind kind, std::uint16_t wanted,
                              std::uint64_t random, Ticks now) {
    const std::size_t at = place(outside, kind);
    Ports& ports = ports_[at];
    Account& account = accounts_[at];
    const PortSpan span = span_at(at);
    std::uint16_t port = 0;
    if (wanted != 0 && contains(span, wanted) && take(ports, wanted)) return wanted;
    if (wants_low(span, kind, wanted))
        port = take_either(ports, below(span, kFirstUserPort), wanted, random);
    if (port == 0 && !account.is_empty(now)) {
        port = kind == PortKind::query
                   ? take_some(ports, span, kAny, random)
                   : take_either(ports, from(span, kFirstUserPort), wanted, random);
        if (port == 0) account.found_empty.store(kFound | now, std::memory_order_relaxed);
    }
    if (port == 0) count_exhausted(outside, kind);
    return port;
}

std::uint16_t PortPool::any(OutsideIndex outside, PortKind kind, std::uint16_t wanted,
                            std::uint64_t random) const {
    const std::size_t at = place(outside, kind);
    const Ports& ports = ports_[at];
    const PortSpan span = span_at(at);
    if (contains(span, wanted) && !(ports.is_services(wanted / 64) & bit_of(wanted))) return wanted;
    if (is_empty(span)) return 0;
    const unsigned first = span.first / 64;
    const unsigned count = span.last / 64 - first + 1;
    const auto start = static_cast<unsigned>((random >> 32) % count);
    for (unsigned i = 0; i < count; ++i) {
        const unsigned word = first + (start + i) % count;
        const std::uint64_t free = ~ports.is_services(word) & bits_in(span, word);
        if (free != 0) return first_from(static_cast<unsigned>(random % 64), word, free);
    }
    return 0;
}

void PortPool::give_back(OutsideIndex outside, PortKind kind, std::uint16_t port) {
    Ports& ports = ports_[place(outside, kind)];
    ports.used[port / 64].fetch_and(~bit_of(port), std::memory_order_release);
}

void PortPool::rest(OutsideIndex outside, PortKind kind, std::uint16_t port) {
    Ports& ports = ports_[place(outside, kind)];
    const unsigned generation = generation_.load(std::memory_order_relaxed);
    ports.resting[generation][port / 64].fetch_or(bit_of(port), std::memory_order_relaxed);
    // Release: pairs with the acquire in take().
    ports.used[port / 64].fetch_and(~bit_of(port), std::memory_order_release);
}

void PortPool::set_span(OutsideIndex outside, PortSpan ports, PortSpan queries) {
    for (unsigned kind = 0; kind < kPortKinds; ++kind) {
        PortSpan span = static_cast<PortKind>(kind) == PortKind::query ? queries : ports;
        span.first = std::max<std::uint16_t>(span.first, 1);
        if (!is_empty(span)) opened_[outside] = true;
        const std::size_t at = place(outside, static_cast<PortKind>(kind));
        if (span_at(at) == span) continue;
        spans_[at].store(span, std::memory_order_relaxed);
        accounts_[at].found_empty.store(0, std::memory_order_relaxed);
    }
}

void PortPool::set_services(OutsideIndex outside, PortKind kind,
                            const std::vector<std::uint16_t>& ports) {
    std::array<std::uint64_t, kWords> bits{};
    for (const std::uint16_t port : ports) {
        if (port == 0) bits.fill(kAny);
        bits[port / 64] |= bit_of(port);
    }
    auto& services = ports_[place(outside, kind)].services;
    for (unsigned word = 0; word < kWords; ++word)
        if (services[word].load(std::memory_order_relaxed) != bits[word])
            services[word].store(bits[word], std::memory_order_relaxed);
}

void PortPool::begin_address(OutsideIndex outside) {
    for (unsigned kind = 0; kind < kPortKinds; ++kind)
        accounts_[place(outside, static_cast<PortKind>(kind))].exhausted.store(
            0, std::memory_order_relaxed);
}

void PortPool::begin_generation() {
    const unsigned next = (generation_.load(std::memory_order_relaxed) + 1) % kGenerations;
    for (std::size_t at = 0; at < ports_.size(); ++at)
        if (opened_[at / kPortKinds])
            for (Word& word : ports_[at].resting[next])
                if (word.load(std::memory_order_relaxed) != 0)
                    word.store(0, std::memory_order_relaxed);
    generation_.store(next, std::memory_order_relaxed);
}

PortPool::Use PortPool::use(OutsideIndex outside, PortKind kind) const {
    const std::size_t at = place(outside, kind);
    const Ports& ports = ports_[at];
    const PortSpan span = span_at(at);
    Use sum;
    for (unsigned word = 0; word < kWords; ++word) {
        const std::uint64_t used = ports.used[word].load(std::memory_order_relaxed);
        sum.used += static_cast<std::uint32_t>(std::popcount(used));
        sum.resting += static_cast<std::uint32_t>(std::popcount(ports.rests(word) & ~used));
        if (is_empty(span) || word < span.first / 64U || word > span.last / 64U) continue;
        sum.ports += static_cast<std::uint32_t>(
            std::popcount(bits_in(span, word) & ~ports.is_services(word)));
    }
    sum.exhausted = accounts_[at].exhausted.load(std::memory_order_relaxed);
    return sum;
}

bool PortPool::is_idle(OutsideIndex outside) const {
    if (!opened_[outside]) return true;
    for (unsigned kind = 0; kind < kPortKinds; ++kind) {
        const Use now = use(outside, static_cast<PortKind>(kind));
        if (now.used != 0 || now.resting != 0) return false;
    }
    return true;
}

}  // namespace usher
