// SPDX-License-Identifier: BSD-3-Clause
// From what the operator said of masquerading to what the workers (MasqueradeRules, PortPool) and
// the XDP program (SteeringSet) need of it. Control thread.
//
//   plan_masquerade(rules, box)      which prefixes are inside, which ports of which addresses
//   OutsideBook::set(outside, ...)   the addresses have indexes, the pool knows their ports
//   compile_masquerade(plan, book)   the workers' rules, for the next snapshot
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "conf/model.hpp"
#include "conf/result.hpp"
#include "dataplane/masquerade_rules.hpp"
#include "dataplane/port_pool.hpp"
#include "dataplane/steering.hpp"

namespace usher {

// What the box itself has, for rules that name no outside address and for which ports are free.
struct BoxAddresses {
    std::vector<IpAddress> sources;   // that our interfaces send from
    std::vector<IpAddress> all;       // whatever interface
    std::set<IpAddress> seen_inside;  // of the sources, those that inside hosts see
};

struct MasqueradePlan {
    std::vector<Prefix> inside;
    std::vector<OutsidePorts> outside;  // each address once
    std::vector<MasqueradeRule> rules;
    // All, if a rule means the box's own; else those that inside hosts see: for those of them that
    // call a service whose server is inside, too.
    std::vector<IpAddress> own;
};

MasqueradePlan plan_masquerade(const std::vector<MasqueradeRule>& rules, const BoxAddresses& box);

// Which outside address has which index of the pool. An address that is no longer wanted hands out
// no port, but keeps its index while one of its ports is used or rests.
class OutsideBook {
  public:
    explicit OutsideBook(PortPool& pool) : pool_(pool) {}

    // Gives each address its index and the pool its ports, without those of `services` on it; the
    // first rules' settings count. Fails with no_space and changes nothing when the pool has no
    // index left. To be called before the snapshot that has the services is published, so that a
    // service's port is not handed out behind its back.
    Result<void> set(const std::vector<OutsidePorts>& wanted,
                     const std::vector<ServiceKey>& services);
    // Forgets addresses that nobody wants and nothing uses. True when there was one.
    bool release();

    OutsideIndex index_of(const IpAddress& address) const;  // kNoOutside: it has none
    // All that have an index, also those that are only kept for what is left of them: for the
    // XDP program.
    std::vector<OutsidePorts> held() const;

  private:
    struct Entry {
        OutsideIndex index = kNoOutside;
        OutsidePorts ports;
        bool wanted = false;
    };
    OutsideIndex free_index() const;
    void reserve(const Entry& entry, const std::vector<ServiceKey>& services);

    PortPool& pool_;
    std::map<IpAddress, Entry> entries_;
};

std::shared_ptr<const MasqueradeRules> compile_masquerade(const MasqueradePlan& plan,
                                                          const OutsideBook& book);

}  // namespace usher
