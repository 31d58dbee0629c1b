// SPDX-License-Identifier: BSD-3-Clause
// SCTP packets: scheduled by an INIT, translated, followed by their first chunk. One at a time and
// beside the stages of TCP and UDP, which pay nothing for them.
#include "nat/sctp.hpp"
#include "dataplane/worker.hpp"
#include "nat/ipv6_chain.hpp"
#include "nat/sctp_state.hpp"

namespace usher {

namespace {

constexpr auto kSctpProtocol = static_cast<std::uint8_t>(Protocol::sctp);
constexpr std::size_t kChunkHeader = 4;

// Where SCTP's header begins in a datagram whose network header is sound; 0: it is none.
template <Family F>
std::size_t sctp_offset(std::span<const std::uint8_t> datagram) {
    if constexpr (F == Family::ipv4) {
        return datagram[ipv4::kProtocol] == kSctpProtocol ? (datagram[0] & 0x0fU) * std::size_t{4}
                                                          : 0;
    } else {
        const Ipv6Chain chain = read_chain(datagram);
        return chain.complete && chain.protocol == kSctpProtocol ? chain.end : 0;
    }
}

}  // namespace

std::uint8_t sctp_chunk(const std::uint8_t* frame, const Headers& headers) {
    return frame[headers.l4 + kSctpHeader];
}

// False: it is no SCTP.
template <Family F>
bool Worker::pass_sctp(rte_mbuf* packet, PortIndex port) {
    const std::span<std::uint8_t> datagram = datagram_of<F>(packet);
    const std::size_t l4 = sctp_offset<F>(datagram);
    if (l4 == 0) return false;
    if (datagram.size() < l4 + kSctpHeader + kChunkHeader || kEthernetHeader + l4 > 0xff) {
        drop(packet, Drop::bad_sctp);
        return true;
    }
    Burst<F> burst;
    burst.port = port;
    burst.count = 1;
    burst.packets[0] = packet;
    burst.headers[0] = {kSctpProtocol, 0, static_cast<std::uint8_t>(kEthernetHeader + l4),
                        static_cast<std::uint16_t>(datagram.size())};
    burst.flows[0] = read_flow<F>(burst.frame(0), burst.headers[0]);
    burst.hashes[0] = plane_.table.hash(burst.flows[0], filed_under<F>(kSctpProtocol));
    look_up(burst);
    decide(burst);
    if (burst.count != 0) forward_alone(burst);
    return true;
}

// Of a burst of one: is it SCTP, and must its ports change? Then so must its checksum, for which
// the whole packet's length is needed.
template <Family F>
bool Worker::changes_sctp_ports(const Burst<F>& burst) const {
    if (burst.headers[0].protocol != kSctpProtocol) return false;
    const Entry entry = burst.entries[0];
    const Flow<F>& answer = plane_.table.flow<F>(entry.index(), opposite(entry.direction()));
    return answer.destination_port != burst.flows[0].source_port ||
           answer.source_port != burst.flows[0].destination_port;
}

template bool Worker::changes_sctp_ports(const Burst<Family::ipv4>&) const;
template bool Worker::changes_sctp_ports(const Burst<Family::ipv6>&) const;
template bool Worker::pass_sctp<Family::ipv4>(rte_mbuf*, PortIndex);
template bool Worker::pass_sctp<Family::ipv6>(rte_mbuf*, PortIndex);

}  // namespace usher
