// SPDX-License-Identifier: BSD-3-Clause
// Packets that are forwarded without a connection. For the stages that follow they have one all
// the same, which is never in the table and is given back after the burst.
//  - One-packet scheduling (ipvsadm -o): every datagram is scheduled and counts as a connection;
//    the answer finds no entry and goes unchanged.
//  - A real server's packet that belongs to no connection: forwarded as any router would, or
//    refused with nat_icmp_send.
#include "dataplane/thresholds.hpp"
#include "dataplane/worker.hpp"

namespace usher {

Entry Worker::pass_once(Burst& burst, unsigned i, const Service& service, const Target& target) {
    static_cast<void>(service);
    const Entry entry = lend(burst, i, target);
    if (target.control != kNoConnection) release_template(target.control);
    if (!entry) return Entry();
    ServerLoad& load = plane_.loads[target.server];
    if (load.upper.load(std::memory_order_relaxed) != 0) {
        load.inactive.fetch_add(1, std::memory_order_seq_cst);
        look_after_bind(load);
        load.inactive.fetch_sub(1, std::memory_order_seq_cst);
        look_after_unbind(load);
    }
    server_counters_[target.server].connections.add(1);
    note_scheduled(plane_.table[entry.index()], State::udp);
    return entry;
}

Entry Worker::stray(Burst& burst, unsigned i) {
    const Flow4& flow = burst.flows[i];
    const Headers& headers = burst.headers[i];
    if (!snapshot_->servers->contains(headers.protocol, flow.source, flow.source_port)) {
        drop(burst, i, Drop::no_service);
        return Entry();
    }
    if (snapshot_->policy.refuse_strays && !(headers.tcp_flags & kRst)) {
        count_drop(burst, i, Drop::no_service);
        refuse(burst.packets[i], headers, IcmpError::port_unreachable, 0,
               snapshot_->network->port_address(burst.port));
        return Entry();
    }
    return lend(burst, i,
                {flow.destination, flow.destination_port, kNobodysSlot, Be16(), kNoConnection});
}

Entry Worker::lend(Burst& burst, unsigned i, const Target& target) {
    const ConnectionIndex index = allocate();
    if (index == kNoConnection) {
        drop(burst, i, Drop::table_full);
        return Entry();
    }
    Connection& connection = plane_.table[index];
    fill(connection, burst, i, target);
    connection.status.store(kOnePacket | static_cast<std::uint32_t>(State::udp),
                            std::memory_order_relaxed);
    lent_[lent_count_++] = index;
    return Entry(0, index, Direction::original).commit();
}

void Worker::take_back() {
    for (unsigned i = 0; i < lent_count_; ++i)
        free_list_.give_back(lent_[i]);
    lent_count_ = 0;
}

}  // namespace usher
