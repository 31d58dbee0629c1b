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
#include "dataplane/masquerade_rules.hpp"
#include "dataplane/network.hpp"
#include "dataplane/real_servers.hpp"
#include "dataplane/service.hpp"
#include "nat/tcp_state.hpp"

namespace usher {

// All services of a family by (protocol, address, port) or by mark.
template <Family F>
class ServiceTable {
  public:
    using List = std::vector<std::shared_ptr<const Service<F>>>;

    ServiceTable() : ServiceTable(List{}) {}
    explicit ServiceTable(List services);

    // The service of exactly this port, or the one of every port of the address. Before that one,
    // as in IPVS, that of FTP has the TCP ports on which its clients' data connections may come: if
    // it is persistent, they are a client's as any other; if not, they are nobody's.
    const Service<F>* find(std::uint8_t protocol, const AddressOf<F>& address, Be16 port) const {
        if (const Service<F>* exact = places_.find({address, port, protocol})) return exact;
        if (has_ftp_ && may_be_ftp_data(protocol, port)) [[unlikely]]
            if (const Service<F>* ftp = ftp_of(address))
                return ftp->persistence != 0 ? ftp : nullptr;
        return has_any_port_ ? places_.find({address, Be16(), protocol}) : nullptr;
    }
    const Service<F>* find_marked(std::uint32_t mark) const { return places_.find(place_of(mark)); }
    bool has_marks() const { return has_marks_; }

    // Ahead of find(): where it will begin to look.
    void prefetch(std::uint8_t protocol, const AddressOf<F>& address, Be16 port) const {
        places_.prefetch({address, port, protocol});
    }
    const List& services() const { return services_; }

  private:
    static constexpr auto kTcp = static_cast<std::uint8_t>(Protocol::tcp);

    static bool may_be_ftp_data(std::uint8_t protocol, Be16 port) {
        constexpr std::uint16_t kActive = 20, kFirstUnprivileged = 1024;
        return protocol == kTcp && (port.host() == kActive || port.host() >= kFirstUnprivileged);
    }
    const Service<F>* ftp_of(const AddressOf<F>& address) const {
        const Service<F>* found = places_.find({address, Be16::from_host(kFtpControlPort), kTcp});
        return found != nullptr && !found->closed ? found : nullptr;
    }
    // No packet's: protocol 0.
    static Endpoint<F> place_of(std::uint32_t mark) {
        Endpoint<F> place;
        place.address = as_address<F>(mark);
        return place;
    }

    List services_;
    EndpointMap<F, const Service<F>*> places_;
    bool has_any_port_ = false;
    bool has_ftp_ = false;
    bool has_marks_ = false;
};

// IPVS's settings (net.ipv4.vs), as the workers need them.
struct Policy {
    bool replace_closed = true;     // conn_reuse_mode is not 0: a SYN ends a closed connection
    bool expire_nodest = false;     // connections of deleted servers end
    bool expire_quiescent = false;  // templates of servers with weight 0 do not count
    bool refuse_strays = false;     // nat_icmp_send: a server's packet without connection
    bool sloppy_tcp = false;        // any segment but a RST opens a connection
    bool sloppy_sctp = false;       // any packet but an ABORT does
    bool others_to_linux = false;   // what nobody wants, where Linux has an exception interface;
                                    // a server's packet without connection goes on as it is
    bool drop_entries = false;      // drop_entry: one half-open connection in 32 goes, each second
    std::uint32_t drop_rate = 0;    // drop_packet: every how many-th first packet; 0: none
};

// One for each family, never null.
template <template <Family> class Part>
struct PerFamily {
    std::shared_ptr<const Part<Family::ipv4>> v4 = std::make_shared<Part<Family::ipv4>>();
    std::shared_ptr<const Part<Family::ipv6>> v6 = std::make_shared<Part<Family::ipv6>>();

    template <Family F>
    const auto& of() const {
        if constexpr (F == Family::ipv4)
            return v4;
        else
            return v6;
    }
    template <Family F>
    auto& of() {
        if constexpr (F == Family::ipv4)
            return v4;
        else
            return v6;
    }
};

inline constexpr std::uint16_t kClampToPath = 0xffff;

struct Snapshot {
    PerFamily<ServiceTable> services;
    std::shared_ptr<const Network> network = std::make_shared<Network>();
    StateTimeouts timeouts{};  // ticks
    const TcpTable* tcp = &kNextState;
    std::vector<std::uint64_t> deployed;  // a bit for each ServerSlot that is configured
    std::uint32_t debug = 0;              // TraceArea bits that are on
    Policy policy;
    // Raised when servers go while expire_nodest is on: the connections of all deleted ones end.
    std::uint32_t nodest_flush = 0;

    std::vector<std::uint64_t> weighted;      // a bit for each ServerSlot with a weight over 0
    std::vector<StateTimeouts> own_timeouts;  // of services with timeouts of their own
    PerFamily<RealServers> servers;
    std::shared_ptr<const MarkRules> marks = std::make_shared<MarkRules>();
    // Only those that name a destination: the others do not mean the box's own addresses.
    std::shared_ptr<const MarkRules> marks_of_own = std::make_shared<MarkRules>();
    std::shared_ptr<const MasqueradeRules> masquerade = std::make_shared<MasqueradeRules>();
    StateTimeouts masquerade_timeouts{};         // ticks
    StateTimeouts masqueraded_query_timeouts{};  // likewise
    // By ServerSlot: what its service's connections may say of their MSS at most, or kClampToPath;
    // 0, or beyond the end: whatever they like.
    std::vector<std::uint16_t> mss_clamps;

    template <Family F>
    const ServiceTable<F>& services_of() const {
        return *services.template of<F>();
    }
    template <Family F>
    const RealServers<F>& servers_of() const {
        return *servers.template of<F>();
    }
    bool is_deployed(ServerSlot slot) const { return has(deployed, slot); }
    bool has_weight(ServerSlot slot) const { return has(weighted, slot); }

  private:
    static bool has(const std::vector<std::uint64_t>& bits, ServerSlot slot) {
        const std::size_t word = slot / 64;
        return word < bits.size() && (bits[word] >> (slot % 64) & 1);
    }
};

}  // namespace usher
