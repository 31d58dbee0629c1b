// SPDX-License-Identifier: BSD-3-Clause
// Connections that the inside opens to the outside. They leave with an outside address and a port
// of it, and are connections like all others from then on, of no service and no real server.
//
// On one: 10.0.0.55:5353 > 192.0.2.53:53, and 203.0.113.20 is outside. The mapping
//
//   10.0.0.55:5353 > 0.0.0.0:0, UDP | kTemplateProtocol   answers: 203.0.113.20:5353
//
// is found or made; it lies in the table as a template does (persistence.cpp), controls the
// connections that use it, and its last reference gives the port back (port_pool.hpp). Then the
// connection: what comes back from 192.0.2.53:53 to 203.0.113.20:5353 goes to 10.0.0.55:5353.
#include "dataplane/worker.hpp"

namespace usher {

namespace {

constexpr Ticks kAfterLast = seconds(60);  // that a mapping outlives its connections, at most
constexpr int kTries = 4;

// One answer, soon, and no more.
bool is_query(std::uint8_t protocol, Be16 port) {
    constexpr std::uint16_t kDns = 53, kNtp = 123;
    return protocol == static_cast<std::uint8_t>(Protocol::udp) &&
           (port.host() == kDns || port.host() == kNtp);
}

// What mappings are filed under: no packet is sent to no address.
template <Family F>
Flow<F> mapping_key(const Flow<F>& flow, const Outside<F>& outside) {
    const auto way = static_cast<std::uint16_t>(outside.by_way_out ? outside.index + 1 : 0);
    return {flow.source, {}, flow.source_port, Be16::from_host(way)};
}

}  // namespace

// A packet for nobody here, from the inside: the entry of its new connection, or none and it is
// taken care of.
template <Family F>
Entry Worker::masquerade(Burst<F>& burst, unsigned i, MasqueradeRules::RuleIndex rule) {
    const Flow<F>& flow = burst.flows[i];
    const Headers& headers = burst.headers[i];
    const std::optional<PortKind> kind = port_kind(headers.protocol);
    if (!kind) {
        drop_or_leave(burst, i, Drop::unknown_protocol);
        return Entry();
    }
    const bool tcp = headers.protocol == static_cast<std::uint8_t>(Protocol::tcp);
    if (tcp && (headers.tcp_flags & (kSyn | kRst | kAck)) != kSyn) {
        drop(burst, i, Drop::no_service);
        return Entry();
    }
    const Way<F> way = snapshot_->network->way_to<F>(flow.destination);
    if (way.kind == WayKind::none) {
        count_drop(burst, i, Drop::no_route);
        refuse(burst, i, IcmpError::no_route, 0, From::box);
        return Entry();
    }
    const Outside<F> outside = snapshot_->masquerade->outside_of<F>(
        rule, flow.source, snapshot_->network->source_towards<F>(way.port, way.neighbour));
    const Mapping mapping = mapping_for(flow, headers.protocol, outside);
    if (!mapping) {
        turn_away(burst, i, mapping.refusal);
        return Entry();
    }
    const Flow<F>& mapped = plane_.table.flow<F>(mapping.index, Direction::reply);
    const bool query = *kind == PortKind::query;  // its id is both ports
    const Be16 peer_port = query ? mapped.source_port : flow.destination_port;
    return open_masqueraded(burst, i, mapping.index,
                            {flow.destination, mapped.source, peer_port, mapped.source_port});
}

// A host for which there is no port is told so (RFC 5508 REQ-8), and need not wait.
template <Family F>
void Worker::turn_away(const Burst<F>& burst, unsigned i, Drop reason) {
    if (reason != Drop::no_outside_port) return drop(burst, i, reason);
    count_drop(burst, i, reason);
    refuse(burst, i, IcmpError::prohibited, 0, From::box);
}

// The mapping of the flow's inside address and port.
template <Family F>
Worker::Mapping Worker::mapping_for(const Flow<F>& flow, std::uint8_t protocol,
                                    const Outside<F>& outside) {
    if (!outside) return {kNoConnection, Drop::no_outside_port};
    const Flow<F> key = mapping_key(flow, outside);
    const auto filed = static_cast<std::uint8_t>(filed_under<F>(protocol) | kTemplateProtocol);
    const std::uint64_t hash = plane_.table.hash(key, filed);
    for (int tries = 0; tries < kTries; ++tries) {
        const Entry entry = plane_.table.find(hash, key, filed);
        if (!entry) {
            const Mapping made = make_mapping(key, filed, outside);
            if (made || !plane_.table.find(hash, key, filed)) return made;
            continue;  // another worker was first
        }
        Connection& found = plane_.table[entry.index()];
        const bool stands = (found.status.load(std::memory_order_acquire) & kLive) &&
                            found.timeout_class == outside.index &&
                            (!found.is_expired(now_) || !expire(entry.index()));
        if (stands && hold_template(entry.index())) {
            found.last_seen.store(now_, std::memory_order_relaxed);
            return {entry.index()};
        }
        kill(entry.index(), TraceEvent::Kind::replaced);
    }
    return {kNoConnection, Drop::flow_taken};
}

template <Family F>
Worker::Mapping Worker::make_mapping(const Flow<F>& key, std::uint8_t filed,
                                     const Outside<F>& outside) {
    const auto kind = port_kind(static_cast<std::uint8_t>(protocol_of(filed)));
    if (!kind) return {kNoConnection, Drop::unknown_protocol};
    const std::uint16_t port = plane_.ports.lease(outside.index, *kind, key.source_port.host(),
                                                  by_chance(plane_.table.hash(key, filed)), now_);
    if (port == 0) return {kNoConnection, Drop::no_outside_port};
    const ConnectionIndex index = allocate();
    if (index == kNoConnection) {
        plane_.ports.give_back(outside.index, *kind, port);
        return {kNoConnection, Drop::table_full};
    }
    Connection& one =
        begin<F>(index, key, {outside.address, {}, Be16::from_host(port), {}}, kNobodysSlot, filed);
    one.timeout_class = outside.index;
    set_timeout(index, kAfterLast);
    one.hop[0].store(2, std::memory_order_relaxed);
    plane_.loads[kNobodysSlot].persistent.fetch_add(1, std::memory_order_relaxed);
    one.status.store(kLive | kTemplate | kMapping, std::memory_order_release);
    const LinkResult result = plane_.table.link_original(index);
    if (result == LinkResult::linked) {
        // It may have been ended before it was there: pairs with the exchange in kill().
        if (!(one.status.load(std::memory_order_seq_cst) & kLive))
            plane_.table.unlink_original(index);
        return {index};
    }
    // Nothing was sent from the port: it need not rest.
    const std::uint32_t last = one.status.fetch_and(~(kLive | kMapping), std::memory_order_acq_rel);
    if (last & kLive) bury(index, last);
    release_template(index);
    plane_.ports.give_back(outside.index, *kind, port);
    return {kNoConnection, result == LinkResult::full ? Drop::table_full : Drop::flow_taken};
}

bool Worker::has_leased_port(const Connection& connection) const {
    const std::uint32_t status = connection.status.load(std::memory_order_relaxed);
    if (!(status & kControlled)) return false;
    return plane_.table[connection.next].status.load(std::memory_order_relaxed) & kMapping;
}

// The port of a mapping that nobody refers to any more.
void Worker::return_port(ConnectionIndex mapping) {
    const Connection& one = plane_.table[mapping];
    const Be16 port = family_of(one.protocol) == Family::ipv4
                          ? plane_.table.flow<Family::ipv4>(mapping, Direction::reply).source_port
                          : plane_.table.flow<Family::ipv6>(mapping, Direction::reply).source_port;
    if (const auto kind = port_kind(static_cast<std::uint8_t>(protocol_of(one.protocol))))
        plane_.ports.rest(one.timeout_class, *kind, port.host());
}

// The connection of a first packet whose answers look like `reply`, controlled by `mapping`, which
// is held.
template <Family F>
Entry Worker::open_masqueraded(Burst<F>& burst, unsigned i, ConnectionIndex mapping,
                               const Flow<F>& reply) {
    const ConnectionIndex index = allocate();
    if (index == kNoConnection) {
        release_template(mapping);
        drop(burst, i, Drop::table_full);
        return Entry();
    }
    Connection& connection = plane_.table[index];
    const State state = first_state(burst.frame(i), burst.headers[i]);
    ServerLoad& load = plane_.loads[kNobodysSlot];
    (is_active(state) ? load.active : load.inactive).fetch_add(1, std::memory_order_seq_cst);
    fill(index, burst, i, {reply.source, reply.source_port, kNobodysSlot, {}, mapping});
    plane_.table.set_flow<F>(index, Direction::reply, reply);
    connection.deltas = deltas_between(burst.flows[i], reply.reversed());
    connection.next = mapping;
    connection.timeout_class = is_query(burst.headers[i].protocol, reply.source_port)
                                   ? kMasqueradedQueryTimeouts
                                   : kMasqueradeTimeouts;
    const std::uint32_t status =
        kLive | kPending | kControlled | kOwnTimeouts | static_cast<std::uint32_t>(state);
    set_timeout(index, timeout_of(connection, status));
    connection.status.store(status, std::memory_order_release);
    put_off(burst, i, index);
    return Entry(0, index, Direction::original).commit();
}

template Entry Worker::masquerade(Burst<Family::ipv4>&, unsigned, MasqueradeRules::RuleIndex);
template Entry Worker::masquerade(Burst<Family::ipv6>&, unsigned, MasqueradeRules::RuleIndex);
template void Worker::turn_away(const Burst<Family::ipv4>&, unsigned, Drop);
template void Worker::turn_away(const Burst<Family::ipv6>&, unsigned, Drop);

}  // namespace usher
