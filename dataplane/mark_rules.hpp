// SPDX-License-Identifier: BSD-3-Clause
// Which firewall mark a packet has that would open a connection: the first rule that matches it, in
// the order of the rules. What `iptables -t mangle -j MARK` is to IPVS. Established connections
// never come here.
//
// Theory of operation. A rule is six ranges: port, protocol, two addresses, two ports; a field that
// it does not name is the whole range. The ends of all rules' ranges cut a field into intervals; in
// one interval the same rules match everywhere, and that set is worked out beforehand, a bit a
// rule. A packet costs a binary search for its interval in each field, and the lowest bit that is
// in all six sets is its rule.
//
//   rule 0: tcp to 10.9.0.1 port 80           destinations  [0, 10.9.0.1) [10.9.0.1] (10.9.0.1, ...
//   rule 1: tcp to 10.9.0.0/16                rules         none          0 1        1 or none
//   a SYN to 10.9.0.1 port 443: destination 01, destination port without 0 -> rule 1
//
// Sets are kept in blocks of 512 rules, one cache line, and equal blocks once: neighbouring
// intervals differ by the rules that begin or end between them, so nearly all of their blocks are
// the same ones. A set is the indices of its blocks, and before them a bit for each block that has
// a rule at all: only blocks that have one in every field are looked at. N rules need at most
// 2N + 1 intervals a field, of a little over 4 bytes a 512 rules and one or two blocks of 64 bytes
// each. A field that no rule names costs nothing. Rejected: a table of hashes for each combination
// of prefix lengths (port ranges do not hash, and its worst case is a list), and a decision tree
// (rules with wildcards multiply in it).
//
// Immutable after construction: any number of workers read it. Construction is for the control
// thread: about 2 ms for 5,000 rules, 10 MiB at worst; and it may throw bad_alloc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/network.hpp"
#include "nat/address.hpp"
#include "nat/byte_order.hpp"

namespace usher {

// A rule with its interface found: conf's MarkRule as the data plane knows it. Ports in host order,
// `first` to `last` with both ends. A prefix of the other family than `family`: no packet matches.
struct MarkRanges {
    std::uint32_t mark = 0;  // never 0
    Family family = Family::ipv4;
    std::optional<PortIndex> port;  // where the packet came in; none: anywhere
    std::optional<Protocol> protocol;
    std::optional<Prefix> source;
    std::optional<Prefix> destination;
    std::uint16_t first_source_port = 0;
    std::uint16_t last_source_port = 65535;
    std::uint16_t first_destination_port = 0;
    std::uint16_t last_destination_port = 65535;
};

namespace mark_rules {

inline constexpr std::size_t kBlockWords = 8;
using Block = std::array<std::uint64_t, kBlockWords>;  // of 512 rules
using BlockIndex = std::uint32_t;                      // 0: the empty block

// How sets of rules are laid out, as 32-bit words: bits of the blocks that are not empty, then the
// index of each block.
struct SetShape {
    std::size_t blocks = 0;
    std::size_t bit_words() const { return (blocks + 31) / 32; }
    std::size_t words() const { return bit_words() + blocks; }
};

// An IPv6 address as a number.
struct Wide {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend constexpr auto operator<=>(const Wide&, const Wide&) = default;
};

template <class Key>
struct Range {
    Key first;
    Key last;
};

// Equal blocks once, while the sets are built.
class BlockStore;

// One field's intervals in rising order, and each one's set.
template <class Key>
class Field {
  public:
    // By rule; one that never matches has first > last.
    void build(const std::vector<Range<Key>>& ranges, SetShape shape, BlockStore& store);
    // Every rule matches every key: there is nothing to look up.
    bool is_open() const { return open_; }
    // The set of the interval that `key` is in.
    const std::uint32_t* rules_at(Key key) const;

  private:
    std::vector<Key> starts_;  // the first is the least key that there is
    std::vector<std::uint32_t> sets_;
    SetShape shape_;
    bool open_ = true;
};

// The rules of one family; Address is what its addresses are as numbers.
template <class Address>
class Rules {
  public:
    void build(const std::vector<MarkRanges>& rules);  // only those of the family
    std::uint32_t mark_of(PortIndex port, Protocol protocol, Address source,
                          std::uint16_t source_port, Address destination,
                          std::uint16_t destination_port) const;

  private:
    std::uint32_t first_in(const std::uint32_t* const* sets, std::size_t fields) const;

    Field<std::uint16_t> port_;
    Field<std::uint16_t> protocol_;
    Field<Address> source_;
    Field<Address> destination_;
    Field<std::uint16_t> source_port_;
    Field<std::uint16_t> destination_port_;
    std::vector<Block> blocks_;
    std::vector<std::uint32_t> marks_;  // by rule
    SetShape shape_;
};

}  // namespace mark_rules

class MarkRules {
  public:
    MarkRules() = default;  // no rule: every packet has mark 0
    explicit MarkRules(const std::vector<MarkRanges>& rules);

    // Of the first rule that matches; 0: none does.
    std::uint32_t mark_of(PortIndex port, Protocol protocol, Be32 source, Be16 source_port,
                          Be32 destination, Be16 destination_port) const {
        return v4_.mark_of(port, protocol, source.host(), source_port.host(), destination.host(),
                           destination_port.host());
    }
    std::uint32_t mark_of(PortIndex port, Protocol protocol, const AddressOf<Family::ipv6>& source,
                          Be16 source_port, const AddressOf<Family::ipv6>& destination,
                          Be16 destination_port) const {
        return mark_of(port, protocol, IpAddress(source), source_port, IpAddress(destination),
                       destination_port);
    }
    // Both addresses of one family, either.
    std::uint32_t mark_of(PortIndex port, Protocol protocol, const IpAddress& source,
                          Be16 source_port, const IpAddress& destination,
                          Be16 destination_port) const;

    bool empty() const { return empty_; }

  private:
    mark_rules::Rules<std::uint32_t> v4_;
    mark_rules::Rules<mark_rules::Wide> v6_;
    bool empty_ = true;
};

}  // namespace usher
