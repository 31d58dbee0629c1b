// SPDX-License-Identifier: BSD-3-Clause
// Packets that the director answers by itself. The answer is written over the packet and goes back
// the way that Linux would send it. A flood gets a bounded number of them (worker.cpp); what path
// MTU discovery lives on has a number of its own, so that no flood of other refusals silences it,
// and of that no source gets more than a quarter.
#include "dataplane/worker.hpp"
#include "nat/header_sum.hpp"

namespace usher {

namespace {

std::size_t room_in(const rte_mbuf* packet) {
    return std::size_t{packet->buf_len} - packet->data_off;
}

}  // namespace

bool Worker::may_refuse(std::uint32_t& left) {
    if (left == 0) return false;
    --left;
    return true;
}

template <Family F>
void Worker::refuse(const Burst<F>& burst, unsigned i, IcmpError error, std::uint16_t mtu,
                    From from) {
    rte_mbuf* packet = burst.packets[i];
    if (!has_right_header_sum<F>(burst.frame(i))) return drop(packet, Drop::bad_ip_header);
    const bool too_big = error == IcmpError::fragmentation_needed;
    if (room_in(packet) < kRefusalRoom ||
        (too_big && !too_bigs_each_.take<F>(burst.flows[i].source)) ||
        !may_refuse(too_big ? too_bigs_left_ : refusals_left_))
        return drop(packet, Drop::refusal_limited);
    const std::span<std::uint8_t> room(rte_pktmbuf_mtod(packet, std::uint8_t*), kRefusalRoom);
    AddressOf<F> address{};
    if (from == From::box) {
        const Network& network = *snapshot_->network;
        const Way<F> back = network.way_to<F>(burst.flows[i].source);
        if (back.kind == WayKind::none) return drop(packet, Drop::no_route);
        address = network.router_address<F>(back.port, back.neighbour);
        if (address == AddressOf<F>{}) return drop(packet, Drop::no_route);
    }
    answer<F>(packet, write_icmp_error<F>(room, burst.headers[i], error, mtu, ++ip_id_, address));
}

template <Family F>
void Worker::reset(const Burst<F>& burst, unsigned i) {
    rte_mbuf* packet = burst.packets[i];
    const Headers& headers = burst.headers[i];
    if (headers.tcp_flags & kRst) return rte_pktmbuf_free(packet);  // never answered (RFC 9293)
    if (room_in(packet) < kRefusalRoom || !may_refuse(refusals_left_))
        return drop(packet, Drop::refusal_limited);
    const std::span<std::uint8_t> room(rte_pktmbuf_mtod(packet, std::uint8_t*), kRefusalRoom);
    answer<F>(packet, write_tcp_reset<F>(room, headers));
}

template <Family F>
void Worker::answer(rte_mbuf* packet, std::size_t length) {
    const auto* frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
    const auto to = load<AddressOf<F>>(frame + kEthernetHeader + IpLayout<F>::kDestination);
    const auto ip_length = static_cast<std::uint16_t>(length - kEthernetHeader);
    packet->data_len = static_cast<std::uint16_t>(length);
    packet->pkt_len = static_cast<std::uint32_t>(length);
    counters_.refused.add(1);

    send_towards<F>(packet, ip_length, to);
}

template void Worker::refuse(const Burst<Family::ipv4>&, unsigned, IcmpError, std::uint16_t, From);
template void Worker::reset(const Burst<Family::ipv4>&, unsigned);
template void Worker::refuse(const Burst<Family::ipv6>&, unsigned, IcmpError, std::uint16_t, From);
template void Worker::reset(const Burst<Family::ipv6>&, unsigned);

}  // namespace usher
