// SPDX-License-Identifier: BSD-3-Clause
// What the operator said, compiled for the workers. Immutable but for the schedulers' cursors.
// The control thread builds one aside and publishes it by one pointer swap; a worker takes the
// pointer once a burst and forgets it before it reports quiescent. Parts that did not change are
// shared between one snapshot and the next.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/clock.hpp"
#include "dataplane/mark_rules.hpp"
#include "dataplane/network.hpp"
#include "dataplane/real_servers.hpp"
#include "dataplane/service.hpp"
#include "nat/tcp_state.hpp"

namespace usher {

// All services by (protocol, address, port) or by mark: open addressing, one probe as a rule.
class ServiceTable {
  public:
    using List = std::vector<std::shared_ptr<const Service>>;

    ServiceTable() : ServiceTable(List{}) {}
    explicit ServiceTable(List services);

    // The service of exactly this port, or the one of every port of the address.
    const Service* find(std::uint8_t protocol, Be32 address, Be16 port) const {
        if (const Service* exact = probe(key_of(protocol, address, port))) return exact;
        return has_any_port_ ? probe(key_of(protocol, address, Be16())) : nullptr;
    }
    const Service* find_marked(std::uint32_t mark) const { return probe(key_of_mark(mark)); }
    bool has_marks() const { return has_marks_; }

    // Ahead of find(): where it will begin to look.
    void prefetch(std::uint8_t protocol, Be32 address, Be16 port) const {
        __builtin_prefetch(&places_[first_place(key_of(protocol, address, port))]);
    }
    const List& services() const { return services_; }

  private:
    struct Place {
        std::uint64_t key = 0;
        const Service* service = nullptr;
    };
    static std::uint64_t key_of(std::uint8_t protocol, Be32 address, Be16 port) {
        return std::uint64_t{address.raw()} << 32 | std::uint64_t{port.raw()} << 8 | protocol;
    }
    static std::uint64_t key_of_mark(std::uint32_t mark) { return std::uint64_t{mark} << 32; }
    std::size_t first_place(std::uint64_t key) const {
        return (key * 0x9e3779b97f4a7c15U) >> shift_;
    }
    const Service* probe(std::uint64_t key) const {
        for (std::size_t at = first_place(key); places_[at].service; at = (at + 1) & mask_)
            if (places_[at].key == key) return places_[at].service;
        return nullptr;
    }

    List services_;
    std::vector<Place> places_;
    std::size_t mask_ = 0;
    int shift_ = 0;
    bool has_any_port_ = false;
    bool has_marks_ = false;
};

// IPVS's settings (net.ipv4.vs), as the workers need them.
struct Policy {
    bool replace_closed = true;     // conn_reuse_mode is not 0: a SYN ends a closed connection
    bool expire_nodest = false;     // connections of deleted servers end
    bool expire_quiescent = false;  // templates of servers with weight 0 do not count
    bool refuse_strays = false;     // nat_icmp_send: a server's packet without connection
    bool sloppy_tcp = false;        // any segment but a RST opens a connection
    bool drop_entries = false;      // drop_entry: one half-open connection in 32 goes, each second
    std::uint32_t drop_rate = 0;    // drop_packet: every how many-th first packet; 0: none
};

struct Snapshot {
    std::shared_ptr<const ServiceTable> services = std::make_shared<ServiceTable>();
    std::shared_ptr<const Network> network = std::make_shared<Network>();
    StateTimeouts timeouts{};  // ticks
    const TcpTable* tcp = &kNextState;
    std::vector<std::uint64_t> deployed;  // a bit for each ServerSlot that is configured
    std::uint32_t debug = 0;              // TraceArea bits that are on
    Policy policy;

    std::vector<std::uint64_t> weighted;      // a bit for each ServerSlot with a weight over 0
    std::vector<StateTimeouts> own_timeouts;  // of services with timeouts of their own
    std::shared_ptr<const RealServers> servers = std::make_shared<RealServers>();
    std::shared_ptr<const MarkRules> marks = std::make_shared<MarkRules>();

    bool is_deployed(ServerSlot slot) const { return has(deployed, slot); }
    bool has_weight(ServerSlot slot) const { return has(weighted, slot); }

  private:
    static bool has(const std::vector<std::uint64_t>& bits, ServerSlot slot) {
        const std::size_t word = slot / 64;
        return word < bits.size() && (bits[word] >> (slot % 64) & 1);
    }
};

}  // namespace usher
