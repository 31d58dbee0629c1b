// SPDX-License-Identifier: BSD-3-Clause
// Client and server are both inside: the answer would go straight to the client, who would not know
// it. To such a server the client has the box's own address on that side, and a port of it.
//
// On one: 10.0.0.101:40000 calls 203.0.113.10:80 and is sent to 10.0.0.100:8080, who sees
// 10.0.0.1:61234. The connection's answers are 10.0.0.100:8080 > 10.0.0.1:61234.
//
// No port is leased for that (port_pool.hpp). Nobody else sends to a server from the box's address
// and those ports, so it is enough that the answers' flow is not in the table yet: a port serves
// once for each port of each server, not once for all. With a lease for each port of each caller,
// some 20 connections a second would use them up.
#include "dataplane/worker.hpp"

namespace usher {

template <Family F>
bool Worker::turns_back(const Flow<F>& flow, const Target<F>& target) const {
    const MasqueradeRules& rules = *snapshot_->masquerade;
    return rules.is_inside<F>(flow.source) && rules.is_inside<F>(target.address);
}

// What the target sees of the client, whose packet this is.
template <Family F>
Worker::Guise<F> Worker::guise_towards(const Burst<F>& burst, unsigned i, const Target<F>& target) {
    if (!comes_from_its_side(burst, i)) return {{}, {}, Drop::martian_source};
    const std::optional<PortKind> kind = port_kind(burst.headers[i].protocol);
    if (!kind) return {{}, {}, Drop::unknown_protocol};
    const Way<F> way = snapshot_->network->way_to<F>(target.address);
    if (way.kind == WayKind::none) return {{}, {}, Drop::no_route};
    const Outside<F> own = snapshot_->masquerade->own<F>(
        snapshot_->network->source_towards<F>(way.port, way.neighbour));
    if (!own) return {{}, {}, Drop::no_outside_port};
    const std::uint16_t port = plane_.ports.any(own.index, *kind, burst.flows[i].source_port.host(),
                                                by_chance(burst.hashes[i]));
    if (port == 0) {
        plane_.ports.count_exhausted(own.index, *kind);
        return {{}, {}, Drop::no_outside_port};
    }
    return {own.address, Be16::from_host(port), Drop::none};
}

// The connection, not yet in the table, is filled.
template <Family F>
void Worker::hide_client(ConnectionIndex index, const Guise<F>& guise) {
    const Flow<F>& original = plane_.table.flow<F>(index, Direction::original);
    Flow<F> reply = plane_.table.flow<F>(index, Direction::reply);
    reply.destination = guise.address;
    reply.destination_port = guise.port;
    plane_.table.set_flow<F>(index, Direction::reply, reply);
    plane_.table[index].deltas = deltas_between(original, reply.reversed());
}

template <Family F>
bool Worker::is_hidden(ConnectionIndex index) const {
    return plane_.table.flow<F>(index, Direction::reply).destination !=
               plane_.table.flow<F>(index, Direction::original).source &&
           !has_leased_port(plane_.table[index]);
}

// Another port for a client that is hidden; 0: there is none any more.
template <Family F>
std::uint16_t Worker::other_own_port(ConnectionIndex index) {
    const std::uint8_t filed = plane_.table[index].protocol;
    const Flow<F>& reply = plane_.table.flow<F>(index, Direction::reply);
    const Outside<F> own = snapshot_->masquerade->own<F>(reply.destination);
    const auto kind = port_kind(static_cast<std::uint8_t>(protocol_of(filed)));
    if (!own || !kind) return 0;
    return plane_.ports.any(own.index, *kind, 0, by_chance(plane_.table.hash(reply, filed)));
}

// Why the connection of a hidden client has no place in the table: its tries are over.
template <Family F>
void Worker::count_without_port(ConnectionIndex index) {
    const Connection& connection = plane_.table[index];
    const Outside<F> own =
        snapshot_->masquerade->own<F>(plane_.table.flow<F>(index, Direction::reply).destination);
    const auto kind = port_kind(static_cast<std::uint8_t>(protocol_of(connection.protocol)));
    if (own && kind) plane_.ports.count_exhausted(own.index, *kind);
}

template bool Worker::turns_back(const Flow<Family::ipv4>&, const Target<Family::ipv4>&) const;
template bool Worker::turns_back(const Flow<Family::ipv6>&, const Target<Family::ipv6>&) const;
template Worker::Guise<Family::ipv4> Worker::guise_towards(const Burst<Family::ipv4>&, unsigned,
                                                           const Target<Family::ipv4>&);
template Worker::Guise<Family::ipv6> Worker::guise_towards(const Burst<Family::ipv6>&, unsigned,
                                                           const Target<Family::ipv6>&);
template void Worker::hide_client(ConnectionIndex, const Guise<Family::ipv4>&);
template void Worker::hide_client(ConnectionIndex, const Guise<Family::ipv6>&);
template bool Worker::is_hidden<Family::ipv4>(ConnectionIndex) const;
template bool Worker::is_hidden<Family::ipv6>(ConnectionIndex) const;
template std::uint16_t Worker::other_own_port<Family::ipv4>(ConnectionIndex);
template std::uint16_t Worker::other_own_port<Family::ipv6>(ConnectionIndex);
template void Worker::count_without_port<Family::ipv4>(ConnectionIndex);
template void Worker::count_without_port<Family::ipv6>(ConnectionIndex);

}  // namespace usher
