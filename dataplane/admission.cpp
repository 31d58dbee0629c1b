// SPDX-License-Identifier: BSD-3-Clause
// A packet without a connection: is there a service for it, which real server gets it, and the
// entry that promises it. IPVS's scheduling gate: of TCP only a SYN without RST opens, of UDP any
// packet; source port 20 (FTP data) never does.
#include "dataplane/worker.hpp"

namespace usher {

namespace {

constexpr std::uint16_t kFtpData = 20;
constexpr int kPortTries = 16;
constexpr std::uint32_t kEvictions = 64;  // that may be waiting, when the table is full
constexpr auto kTcp = static_cast<std::uint8_t>(Protocol::tcp);

// 0/8, 127/8, 224/4 and above: never a source on a wire (RFC 1122 section 3.2.1.3).
bool is_martian(Be32 source) {
    const std::uint32_t first = source.host() >> 24;
    return first == 0 || first == 127 || first >= 224;
}

}  // namespace

Entry Worker::admit(Burst& burst, unsigned i) {
    const Service* service = service_for(burst, i);
    if (service == nullptr) return Entry();

    const Flow4& flow = burst.flows[i];
    const Arrival arrival{IpAddress(flow.source), flow.source_port.host(),
                          IpAddress(flow.destination)};
    const int server = service->choose(arrival, Loads(plane_.loads.data()));
    if (server == kNoServer) {
        count_drop(burst, i, Drop::no_server);
        refuse(burst.packets[i], burst.headers[i], IcmpError::port_unreachable, 0);
        return Entry();
    }
    return connect(burst, i, *service, server);
}

const Service* Worker::service_for(Burst& burst, unsigned i) {
    const Flow4& flow = burst.flows[i];
    const Headers& headers = burst.headers[i];
    const Service* service =
        snapshot_->services->find(headers.protocol, flow.destination, flow.destination_port);
    if (service == nullptr) {
        drop(burst, i, Drop::no_service);
        return nullptr;
    }
    if (is_martian(flow.source)) {
        drop(burst, i, Drop::martian_source);
        return nullptr;
    }
    const bool ftp_data = flow.source_port.host() == kFtpData;
    if (headers.protocol == kTcp && (ftp_data || (headers.tcp_flags & (kSyn | kRst)) != kSyn)) {
        count_drop(burst, i, Drop::not_a_first_packet);
        reset(burst.packets[i], headers);
        return nullptr;
    }
    if (ftp_data) {
        drop(burst, i, Drop::not_a_first_packet);
        return nullptr;
    }
    return service;
}

Entry Worker::connect(Burst& burst, unsigned i, const Service& service, int server) {
    const Service::Server& chosen = service.servers[static_cast<std::size_t>(server)];
    const ConnectionIndex index = allocate();
    if (index == kNoConnection) {
        drop(burst, i, Drop::table_full);
        return Entry();
    }
    Connection& connection = plane_.table[index];
    fill(connection, burst, i, chosen);

    // A new connection counts as inactive until its first transition.
    ServerLoad& load = plane_.loads[chosen.slot];
    load.inactive.fetch_add(1, std::memory_order_relaxed);
    LinkResult result = plane_.table.link(index);
    for (int tries = 0; result == LinkResult::reply_taken && tries < kPortTries; ++tries) {
        give_other_port(connection);
        result = plane_.table.link(index);
    }
    if (result == LinkResult::linked) {
        // Killed by another worker, whose clock is ahead, before it could be found: take it down.
        if (!(connection.status.load(std::memory_order_acquire) & kLive))
            plane_.table.unlink(index);
        half_open_.push(index);
        server_counters_[chosen.slot].connections.add(1);
        if (traces(kTraceSchedule))
            trace_.note({TraceEvent::Kind::scheduled, connection.protocol, 0, connection.original,
                         chosen.slot});
        return Entry(0, index, Direction::original).commit();
    }

    // Unless another worker was first to end it, and has settled the rest.
    if (connection.status.fetch_and(~kLive, std::memory_order_acq_rel) & kLive) {
        load.inactive.fetch_sub(1, std::memory_order_relaxed);
        free_list_.retire(index);
    }
    // Another worker has just admitted the same flow: its connection is the one.
    if (result == LinkResult::original_taken)
        if (const Entry other =
                plane_.table.find(burst.hashes[i], burst.flows[i], burst.headers[i].protocol))
            return other;
    drop(burst, i, result == LinkResult::full ? Drop::table_full : Drop::flow_taken);
    return Entry();
}

void Worker::fill(Connection& connection, const Burst& burst, unsigned i,
                  const Service::Server& server) {
    const Flow4& flow = burst.flows[i];
    const Be16 port = server.port == Be16() ? flow.destination_port : server.port;
    connection.original = flow;
    connection.reply = {server.address, flow.source, port, flow.source_port};
    connection.server_slot = server.slot;
    connection.deltas = deltas_between(flow, connection.reply.reversed());
    connection.protocol = burst.headers[i].protocol;
    connection.worker = static_cast<std::uint8_t>(id_);
    connection.born = now_;
    connection.last_seen.store(now_, std::memory_order_relaxed);
    const State state = connection.protocol == kTcp ? State::none : State::udp;
    connection.timeout.store(snapshot_->timeouts[static_cast<std::size_t>(state)],
                             std::memory_order_relaxed);
    connection.hop[0].store(0, std::memory_order_relaxed);
    connection.hop[1].store(0, std::memory_order_relaxed);
    // Release: the control thread's walk reads the rest when it sees kLive.
    connection.status.store(kLive | static_cast<std::uint32_t>(state), std::memory_order_release);
}

// The client uses one port of its own for two services that share a real server: the server would
// not tell the two apart. The later one is given another port towards the server.
void Worker::give_other_port(Connection& connection) {
    random_ = random_ * 1664525 + 1013904223;  // the low bits are poor; the high ones do
    const auto port = static_cast<std::uint16_t>(1024 + (random_ >> 8) % (65536 - 1024));
    connection.reply.destination_port = Be16::from_host(port);
    connection.deltas = deltas_between(connection.original, connection.reply.reversed());
}

ConnectionIndex Worker::allocate() {
    ConnectionIndex index = free_list_.allocate();
    if (index != kNoConnection) return index;
    // Full. What is retired may be free by now; else the oldest half-open ones give way to the next
    // arrivals: memory is free only after a grace period, so no more than a few at a time.
    free_list_.collect();
    index = free_list_.allocate();
    while (index == kNoConnection && free_list_.pending() < kEvictions) {
        const ConnectionIndex oldest = half_open_.pop();
        if (oldest == kNoConnection) break;
        if (kill(oldest, TraceEvent::Kind::evicted)) counters_.evicted.add(1);
    }
    return index;
}

}  // namespace usher
