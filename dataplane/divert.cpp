// SPDX-License-Identifier: BSD-3-Clause
// What a worker leaves to Linux. On a port that is all ours no XDP program sorts packets, so the
// worker does: what is no unicast IP for the box's MAC address goes to Linux before the first
// stage; what is addressed to the box itself, when it is found to be of no service and no
// connection. What nobody wants goes there as well, if the operator says so (other = "kernel").
//
//   ARP, VRRP, OSPF, router advertisements                    multicast, or no IP    -> Linux
//   neighbour fe80::7 -> the box's own fe80::1                of this link alone     -> Linux
//   client 198.51.100.7 -> ssh on the box's own 203.0.113.2   own, of no service     -> Linux
//   client 198.51.100.7 -> service 203.0.113.10:80            own, and a service     -> worker
//   resolver 192.0.2.53:53 -> the box's own 203.0.113.2:61007 own, and a connection  -> worker
//   router 198.51.100.1 "unreachable" -> 203.0.113.2          own, about neither     -> Linux
#include "dataplane/worker.hpp"
#include "nat/fragment.hpp"
#include "nat/icmp.hpp"
#include "nat/icmp_error.hpp"
#include "nat/martian.hpp"

namespace usher {

namespace {

constexpr std::uint16_t kDhcpClient = 68;  // its answers come before it has the address

MacAddress destination_mac(const std::uint8_t* frame) {
    MacAddress mac;
    std::memcpy(mac.bytes.data(), frame, mac.bytes.size());
    return mac;
}

bool opens_tcp(const Headers& headers) {
    return (headers.tcp_flags & (kSyn | kAck | kRst)) == kSyn;
}

template <Family F>
AddressOf<F> destination_of(std::span<const std::uint8_t> datagram) {
    return load<AddressOf<F>>(&datagram[IpLayout<F>::kDestination]);
}

// What goes no further than to whom its frame is addressed is the box's as well: a neighbour may
// put multicast into a frame for one (RFC 6085), or an answer to the box's link-local address.
template <Family F>
bool is_the_boxs(const Network& network, const AddressOf<F>& destination) {
    return is_of_one_link(destination) || network.is_own(IpAddress(destination));
}

}  // namespace

// Tagged frames of a VLAN that is one of our ports are judged by what is inside.
bool Worker::may_be_for_workers(const rte_mbuf* packet, PortIndex port) const {
    constexpr std::size_t kType = 12;
    if (packet->data_len < kEthernetHeader || packet->nb_segs != 1) return true;  // dropped there
    const auto* frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
    if (frame[0] & 1) return false;
    std::size_t at = kType;
    if (has_vlan_tag(packet) && vlans_.knows(vlan_of(packet))) {
        if (vlans_.port_of(port, vlan_of(packet)) == VlanTable::kNone) return false;
        at += kVlanTag;
    }
    const std::uint16_t type = load<Be16>(frame + at).host();
    if (type != kEtherTypeIpv4 && type != kEtherTypeIpv6) return false;
    return snapshot_->network->is_own(destination_mac(frame));
}

std::span<rte_mbuf* const> Worker::keep_for_workers(std::span<rte_mbuf* const> packets,
                                                    PortIndex port) {
    unsigned kept = 0;
    for (rte_mbuf* packet : packets) {
        if (may_be_for_workers(packet, port))
            kept_[kept++] = packet;
        else
            leave_to_linux(packet, port);
    }
    return {kept_.data(), kept};
}

void Worker::leave_to_linux(rte_mbuf* packet, PortIndex port) {
    ++left_to_linux_;
    const std::uint16_t vlan = transmit_.vlan_id(port);
    const bool whole = vlan == 0 || put_tag_on(packet, vlan);
    if (!whole || transmit_.queues_of(port).exception->give({&packet, 1}) == 0)
        drop(packet, Drop::exception_full);
}

// A service, or a mark rule that names the box's address, goes before the box itself. Of what comes
// to FTP's service beside its port only what opens a connection: the box has some of its own there.
template <Family F>
bool Worker::is_for_box(const Burst<F>& burst, unsigned i) const {
    if (!has_exception(burst.port)) return false;
    const Flow<F>& flow = burst.flows[i];
    const auto protocol = static_cast<Protocol>(burst.headers[i].protocol);
    const bool dhcp = protocol == Protocol::udp && flow.destination_port.host() == kDhcpClient;
    if (!dhcp && !is_the_boxs<F>(*snapshot_->network, flow.destination)) return false;
    const ServiceTable<F>& services = snapshot_->services_of<F>();
    const Service<F>* service =
        services.find(burst.headers[i].protocol, flow.destination, flow.destination_port);
    if (service != nullptr &&
        (!service->is_beside(flow.destination_port) || opens_tcp(burst.headers[i])))
        return false;
    if (!services.has_marks() || snapshot_->marks_of_own->empty()) return true;
    const std::uint32_t mark =
        snapshot_->marks_of_own->mark_of(burst.port, protocol, flow.source, flow.source_port,
                                         flow.destination, flow.destination_port);
    return mark == 0 || services.find_marked(mark) == nullptr;
}

// Nobody wants it.
template <Family F>
void Worker::drop_or_leave(const Burst<F>& burst, unsigned i, Drop reason) {
    if (!has_exception(burst.port) || !snapshot_->policy.others_to_linux)
        return drop(burst, i, reason);
    leave_to_linux(burst.packets[i], burst.port);
}

template <Family F>
void Worker::drop_or_leave(rte_mbuf* packet, PortIndex port, Drop reason) {
    if (is_leavable<F>(datagram_of<F>(packet), port))
        leave_to_linux(packet, port);
    else
        drop(packet, reason);
}

// If it is of no service and no connection.
template <Family F>
bool Worker::is_leavable(std::span<const std::uint8_t> datagram, PortIndex port) const {
    if (!has_exception(port)) return false;
    return snapshot_->policy.others_to_linux ||
           is_the_boxs<F>(*snapshot_->network, destination_of<F>(datagram));
}

template <Family F>
bool Worker::has_connection(const Flow<F>& flow, std::uint8_t protocol) const {
    const std::uint8_t filed = filed_under<F>(protocol);
    return static_cast<bool>(plane_.table.find(plane_.table.hash(flow, filed), flow, filed));
}

// Pings that go on to others than the box are for decide().
template <Family F>
bool Worker::is_linuxs_icmp(std::span<const std::uint8_t> datagram, std::size_t message,
                            PortIndex port) const {
    if (!is_leavable<F>(datagram, port)) return false;
    switch (icmp_kind<F>(datagram[message])) {
        case IcmpKind::other:
            return true;
        case IcmpKind::echo_request:
            return is_the_boxs<F>(*snapshot_->network, destination_of<F>(datagram));
        case IcmpKind::echo_reply:
            return !has_connection<F>(read_echo<F>(datagram, message),
                                      static_cast<std::uint8_t>(kIcmpProtocol<F>));
        case IcmpKind::error:
            break;
    }
    IcmpQuote<F> quote;
    if (read_icmp_error<F>(datagram, message, quote) != Drop::none) return true;
    return !has_connection<F>(quote.flow.reversed(), quote.protocol);
}

template bool Worker::is_for_box(const Burst<Family::ipv4>&, unsigned) const;
template bool Worker::is_for_box(const Burst<Family::ipv6>&, unsigned) const;
template void Worker::drop_or_leave(const Burst<Family::ipv4>&, unsigned, Drop);
template void Worker::drop_or_leave(const Burst<Family::ipv6>&, unsigned, Drop);
template void Worker::drop_or_leave<Family::ipv4>(rte_mbuf*, PortIndex, Drop);
template void Worker::drop_or_leave<Family::ipv6>(rte_mbuf*, PortIndex, Drop);
template bool Worker::is_leavable<Family::ipv4>(std::span<const std::uint8_t>, PortIndex) const;
template bool Worker::is_leavable<Family::ipv6>(std::span<const std::uint8_t>, PortIndex) const;
template bool Worker::has_connection(const Flow4&, std::uint8_t) const;
template bool Worker::has_connection(const Flow6&, std::uint8_t) const;
template bool Worker::is_linuxs_icmp<Family::ipv4>(std::span<const std::uint8_t>, std::size_t,
                                                   PortIndex) const;
template bool Worker::is_linuxs_icmp<Family::ipv6>(std::span<const std::uint8_t>, std::size_t,
                                                   PortIndex) const;

}  // namespace usher
