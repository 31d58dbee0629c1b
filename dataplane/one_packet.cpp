// SPDX-License-Identifier: BSD-3-Clause
// Packets that are forwarded without a connection. For the stages that follow they have one all
// the same, which is never in the table and is given back after the burst (that of a datagram in
// fragments later: kept_loans.hpp).
//  - One-packet scheduling (ipvsadm -o): every datagram is scheduled and counts as a connection.
//    Its answer finds no entry. A masquerade rule takes it like whatever else its server sends;
//    without one it goes unchanged, with the server's own address.
//  - With [forwarding] other = "kernel", any real server's packet that belongs to no connection and
//    is not masqueraded: forwarded as any router would. And what comes from inside and cannot be
//    masqueraded: TCP that is of no connection and opens none. It answers a connection that came in
//    by Linux (management 172.16.0.5 > ssh of 10.0.0.100), which steering cannot know. Where Linux
//    has an exception interface, it gets this.
#include "dataplane/thresholds.hpp"
#include "dataplane/worker.hpp"
#include "nat/sctp.hpp"

namespace usher {

namespace {

// Nothing is said to a peer that has just said the last word: a RST, or SCTP's ABORT.
bool ends_abruptly(const std::uint8_t* frame, const Headers& headers) {
    if (headers.protocol == static_cast<std::uint8_t>(Protocol::sctp))
        return sctp_chunk(frame, headers) == kSctpAbort;
    return headers.tcp_flags & kRst;
}

bool may_be_masqueraded(const Headers& headers) {
    if (headers.protocol == static_cast<std::uint8_t>(Protocol::tcp))
        return (headers.tcp_flags & (kSyn | kRst | kAck)) == kSyn;
    return port_kind(headers.protocol).has_value();
}

}  // namespace

template <Family F>
Entry Worker::pass_once(Burst<F>& burst, unsigned i, const Target<F>& target) {
    const Entry entry = lend(burst, i, target);
    if (target.control != kNoConnection) release_template(target.control);
    if (!entry) return Entry();
    ServerLoad& load = plane_.loads[target.server];
    if (load.upper.load(std::memory_order_relaxed) != 0) {
        load.inactive.fetch_add(1, std::memory_order_seq_cst);
        look_after_bind(plane_.loads.data(), target.server);
        load.inactive.fetch_sub(1, std::memory_order_seq_cst);
        look_after_unbind(plane_.loads.data(), target.server);
    }
    server_counters_[target.server].connections.add(1);
    note_scheduled(entry.index(), State::udp);
    return entry;
}

// Did a packet of that source come in where that lives? Anybody can write a server's address into a
// packet.
template <Family F>
bool Worker::is_on_side_of(const AddressOf<F>& source, PortIndex port) const {
    const Way<F> back = snapshot_->network->way_to<F>(source);
    return back.kind != WayKind::none && back.port == port;
}

// A packet of no service and no connection. What a real server sends from its service's port is
// its own, too (ntpd, a resolver that asks from port 53), and masqueraded like the rest; not what
// it sends from FTP's data port and nobody expects: a client would reach third parties by PORT.
template <Family F>
Entry Worker::stray(Burst<F>& burst, unsigned i) {
    const Flow<F>& flow = burst.flows[i];
    const Headers& headers = burst.headers[i];
    if (!comes_from_its_side(burst, i)) {
        drop_or_leave(burst, i, Drop::no_service);
        return Entry();
    }
    const ServerRole role =
        snapshot_->servers_of<F>().role_of(headers.protocol, flow.source, flow.source_port);
    const Policy& policy = snapshot_->policy;
    if (role && policy.refuse_strays && !ends_abruptly(burst.frame(i), headers)) {
        count_drop(burst, i, Drop::no_service);
        refuse(burst, i, IcmpError::port_unreachable, 0, From::box);
        return Entry();
    }
    const MasqueradeRules& rules = *snapshot_->masquerade;
    const auto rule = rules.empty() || role.is_ftp_data()
                          ? MasqueradeRules::kNoRule
                          : rules.rule_for<F>(flow.source, flow.destination);
    const bool inside = rule != MasqueradeRules::kNoRule;
    const bool others = policy.others_to_linux;
    if (inside && (may_be_masqueraded(headers) || !others)) return masquerade(burst, i, rule);
    const bool as_router = role || (inside && !has_exception(burst.port));
    if (!role.is_one_packet() && !(as_router && others)) {
        drop_or_leave(burst, i, Drop::no_service);
        return Entry();
    }
    return lend(
        burst, i,
        Target<F>{flow.destination, flow.destination_port, kNobodysSlot, Be16(), kNoConnection});
}

template <Family F>
Entry Worker::lend(Burst<F>& burst, unsigned i, const Target<F>& target) {
    const ConnectionIndex index = allocate();
    if (index == kNoConnection) {
        drop(burst, i, Drop::table_full);
        return Entry();
    }
    fill(index, burst, i, target);
    plane_.table[index].status.store(kOnePacket | static_cast<std::uint32_t>(State::udp),
                                     std::memory_order_relaxed);
    lent_[lent_count_++] = index;
    return Entry(0, index, Direction::original).commit();
}

void Worker::take_back() {
    for (unsigned i = 0; i < lent_count_; ++i)
        free_list_.give_back(lent_[i]);
    lent_count_ = 0;
}

template Entry Worker::pass_once(Burst<Family::ipv4>&, unsigned, const Target<Family::ipv4>&);
template Entry Worker::pass_once(Burst<Family::ipv6>&, unsigned, const Target<Family::ipv6>&);
template Entry Worker::stray(Burst<Family::ipv4>&, unsigned);
template Entry Worker::stray(Burst<Family::ipv6>&, unsigned);

template bool Worker::is_on_side_of<Family::ipv4>(const AddressOf<Family::ipv4>&, PortIndex) const;
template bool Worker::is_on_side_of<Family::ipv6>(const AddressOf<Family::ipv6>&, PortIndex) const;

}  // namespace usher
