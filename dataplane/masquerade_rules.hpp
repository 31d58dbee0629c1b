// SPDX-License-Identifier: BSD-3-Clause
// Who is masqueraded, and behind which address. Asked once for each new mapping (port_pool.hpp),
// never for established connections.
//
// Worked example: the rule "10.0.0.0/24 behind 203.0.113.20 and .21" and a packet of
// 10.0.0.55:5353 to 192.0.2.53:53. rule_for() finds it: the source is inside, and the destination
// is not (from inside to inside is routing, of which there is none: the packet is nobody's).
// outside_of() names .20 or .21, always the same for one inside host (RFC 4787 REQ-2), whatever
// others come or go beside it: each address is weighed with the host by a hash, the heaviest wins.
// A rule without addresses means the box's own on the way out (Network::source_towards); then that
// is part of the mapping, as there may be several.
//
// An inside host that calls a virtual service may be sent to a server beside it, or to itself: the
// answer would not come by here. For such a connection is_inside() holds of both, and the client
// gets the box's own address on the way to the server (own()), as well as a port of it.
//
// The first rule that has the source counts, however long its prefix. That is worked out at
// construction, into ranges that do not overlap: a look-up is a binary search, since every first
// packet from a client asks, too. Immutable after construction; any number of workers read it.
// Construction is for the control thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "dataplane/network.hpp"
#include "dataplane/port_pool.hpp"
#include "nat/flow.hpp"

namespace usher {

struct OutsideAddress {
    IpAddress address;
    OutsideIndex index = kNoOutside;  // in the PortPool
};

struct MasqueradeSpec {
    std::vector<Prefix> inside;           // of either family
    std::vector<OutsideAddress> outside;  // likewise; none of a family: the box's own are meant
};

template <Family F>
struct Outside {
    typename WireAddress<F>::type address{};
    OutsideIndex index = kNoOutside;
    bool by_way_out = false;  // the address is for this way out only: it belongs to the mapping

    explicit operator bool() const { return index != kNoOutside; }
};

namespace masquerade_rules {

// An address as numbers, in network order.
template <Family F>
using Words = std::array<std::uint32_t, F == Family::ipv4 ? 1 : 4>;

using RuleIndex = std::uint32_t;
inline constexpr RuleIndex kNoRule = 0xffffffff;

template <Family F>
class Rules {
  public:
    using Address = typename WireAddress<F>::type;

    void build(const std::vector<MasqueradeSpec>& rules, const std::vector<OutsideAddress>& own);
    RuleIndex rule_for(const Address& source, const Address& destination) const;
    Outside<F> outside_of(RuleIndex rule, const Address& source, const Address& own_there) const;
    RuleIndex rule_of(const Address& address) const;
    Outside<F> own(const Address& address) const;

  private:
    // An address as a number that compares as its prefixes do.
    __extension__ using Wide = unsigned __int128;
    using Number = std::conditional_t<F == Family::ipv4, std::uint32_t, Wide>;
    // Up to where the next one begins.
    struct Range {
        Number begin;
        RuleIndex rule;
    };
    struct Inside {  // a prefix of a rule
        Number first;
        Number last;
        RuleIndex rule;
    };
    static Number number_of(const Address& address);
    static Inside inside_of(const Prefix& prefix, RuleIndex rule);
    void lay_out(const std::vector<Inside>& inside);

    std::vector<Range> inside_;                     // sorted; before the first one is no rule
    std::vector<std::vector<Outside<F>>> outside_;  // by rule; empty: the box's own
    std::vector<Outside<F>> own_;                   // a few
};

}  // namespace masquerade_rules

class MasqueradeRules {
  public:
    using RuleIndex = masquerade_rules::RuleIndex;
    static constexpr RuleIndex kNoRule = masquerade_rules::kNoRule;

    MasqueradeRules() = default;  // nobody is masqueraded
    // `own`: the box's own addresses that lend ports.
    MasqueradeRules(const std::vector<MasqueradeSpec>& rules,
                    const std::vector<OutsideAddress>& own);

    bool empty() const { return empty_; }

    // kNoRule: not masqueraded.
    template <Family F>
    RuleIndex rule_for(const typename WireAddress<F>::type& source,
                       const typename WireAddress<F>::type& destination) const {
        return of<F>().rule_for(source, destination);
    }
    // `own_there` is the box's own address on the way out. False when the rule means that and it
    // lends no ports.
    template <Family F>
    Outside<F> outside_of(RuleIndex rule, const typename WireAddress<F>::type& source,
                          const typename WireAddress<F>::type& own_there) const {
        return of<F>().outside_of(rule, source, own_there);
    }

    template <Family F>
    bool is_inside(const typename WireAddress<F>::type& address) const {
        return of<F>().rule_of(address) != kNoRule;
    }
    // False when the address lends no ports.
    template <Family F>
    Outside<F> own(const typename WireAddress<F>::type& address) const {
        return of<F>().own(address);
    }

  private:
    template <Family F>
    const auto& of() const {
        if constexpr (F == Family::ipv4)
            return v4_;
        else
            return v6_;
    }

    masquerade_rules::Rules<Family::ipv4> v4_;
    masquerade_rules::Rules<Family::ipv6> v6_;
    bool empty_ = true;
};

}  // namespace usher
