// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/worker.hpp"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <random>

#include "nat/fragment.hpp"
#include "nat/header_sum.hpp"

namespace usher {

namespace {
// As Linux's icmp_msgs_per_sec: errors and resets that one worker sends; and as many of the errors
// that path MTU discovery lives on, apart.
constexpr std::uint32_t kRefusalsPerSecond = 1000;

constexpr std::uint32_t kRoomAhead = 128;  // for several bursts

std::uint32_t refilled(std::uint32_t left) {
    return std::min(kRefusalsPerSecond, left + kRefusalsPerSecond / kTicksPerSecond);
}

// What drop_entry takes: what has not stood yet; of UDP, who was never answered and has been idle.
bool is_shed_by_drop_entry(const Connection& connection, std::uint32_t status, Ticks now) {
    if (status & kTemplate)
        return !(status & kAssured) && connection.hop[0].load(std::memory_order_relaxed) == 1;
    const State state = state_of(status);
    if (state == State::udp)
        return !(status & kAnswered) &&
               now - connection.last_seen.load(std::memory_order_relaxed) >= seconds(60);
    return state == State::syn_recv || state == State::synack;
}

HashSeed random_seed() {
    std::random_device device;
    const auto word = [&] { return std::uint64_t{device()} << 32 | device(); };
    return {word(), word(), word()};
}

}  // namespace

Worker::Worker(DataPlane& plane, unsigned id, std::vector<PortAccess> ports,
               std::vector<VlanPort> vlans)
    : plane_(plane),
      id_(id),
      free_list_(plane.table, plane.pool, plane.grace),
      room_ahead_(std::min(kRoomAhead, plane.table.capacity() / 4 / plane.workers())),
      half_open_(plane.table, id, plane.table.capacity()),
      half_open_ftp_(plane.table, id, plane.ftp.size()),
      sweeper_(plane, id),
      vlans_(vlans, static_cast<PortIndex>(ports.size())),
      transmit_(std::move(ports), std::move(vlans), counters_),
      neighbours_(random_seed()),
      refusals_left_(kRefusalsPerSecond),
      too_bigs_left_(kRefusalsPerSecond),
      too_bigs_each_(random_seed()),
      random_(static_cast<std::uint32_t>(rte_rdtsc()) | 1),
      fragments_(plane.fragment_limits, random_seed()),
      kept_loans_(
          std::max(std::min(plane.fragment_limits.datagrams, plane.table.capacity() / 16), 1U)),
      server_counters_(kMaxServers) {}

unsigned Worker::poll(Ticks now) {
    unsigned received = 0;
    const std::vector<PortAccess>& ports = transmit_.ports();
    for (PortIndex port = 0; port < ports.size(); ++port)
        for (int queue = ports[port].rx_begin; queue < ports[port].rx_end;
             queue += ports[port].rx_stride)
            received += receive(port, static_cast<std::uint16_t>(queue), now);
    if (spread_ != nullptr) received += take_over(now);
    upkeep(now);
    received += transmit_.relay();
    transmit_.flush();
    counters_.polls.add(1);
    return received;
}

unsigned Worker::receive(PortIndex port, std::uint16_t queue, Ticks now) {
    std::array<rte_mbuf*, kMaxBurst> packets;
    const PortAccess& access = transmit_.ports()[port];
    const unsigned count = rte_eth_rx_burst(access.id, queue, packets.data(), kMaxBurst);
    if (count == 0) return 0;
    const unsigned own = access.spread ? spread_->keep_own({packets.data(), count}, port) : count;
    if (own > 0) process({packets.data(), own}, port, now);
    counters_.bursts.add(1);
    return count;
}

unsigned Worker::take_over(Ticks now) {
    std::array<rte_mbuf*, kMaxBurst> packets;
    const Spread::Taken taken = spread_->take(packets);
    if (taken.count == 0) return 0;
    process({packets.data(), taken.count}, taken.port, now);
    counters_.bursts.add(1);
    return taken.count;
}

bool Worker::is_at_rest() const {
    return sweeper_.done() && transmit_.nothing_handed_over() &&
           (spread_ == nullptr || spread_->empty());
}

void Worker::process(std::span<rte_mbuf* const> packets, PortIndex port, Ticks now) {
    snapshot_ = &plane_.snapshot();
    now_ = now;
    counters_.received.add(packets.size());
    if (has_exception(port)) [[unlikely]]
        packets = keep_for_workers(packets, port);
    pass_burst(packets, port);
    if (tagged_count_ != 0) [[unlikely]]
        pass_tagged(port);
}

void Worker::pass_burst(std::span<rte_mbuf* const> packets, PortIndex port) {
    pass<Family::ipv4>(packets, port);
    if (ipv6_count_ != 0) [[unlikely]] {
        pass<Family::ipv6>({ipv6_.data(), ipv6_count_}, port);
        ipv6_count_ = 0;
    }
    if (set_aside_count_ != 0) [[unlikely]]
        pass_set_aside(port);
    if (lent_count_ != 0) take_back();
}

template <Family F>
void Worker::pass(std::span<rte_mbuf* const> packets, PortIndex port) {
    Burst<F> burst;
    burst.port = port;
    read_headers(burst, packets);
    look_up(burst);
    decide(burst);
    forward(burst);
}

void Worker::upkeep(Ticks now) {
    snapshot_ = &plane_.snapshot();
    if (now != refilled_at_) {
        refusals_left_ = refilled(refusals_left_);
        too_bigs_left_ = refilled(too_bigs_left_);
        too_bigs_each_.refill();
    }
    refilled_at_ = now;
    now_ = now;
    if (snapshot_->nodest_flush != nodest_flush_) {
        nodest_flush_ = snapshot_->nodest_flush;
        sweeper_.begin_round();
    }
    sweeper_.turn(now, snapshot_->policy.drop_entries,
                  [this](ConnectionIndex i, std::uint32_t status, Ticks when) {
                      look_over(i, status, when);
                  });
    free_list_.collect();
    if (plane_.pool.is_wanted()) [[unlikely]]
        make_room_for_others();
    if (!neighbours_.empty()) retry_neighbours();
    fragments_.expire(now);
    discard_fragments();
    end_old_loans();
}

// After the others: they may be about connections that those have opened.
void Worker::pass_set_aside(PortIndex port) {
    const auto pass_one = [&]<Family F>(rte_mbuf* packet) {
        if (!has_right_header_sum<F>(rte_pktmbuf_mtod(packet, const std::uint8_t*)))
            drop(packet, Drop::bad_ip_header);
        else if (is_fragment<F>(datagram_of<F>(packet)))
            pass_fragment<F>(packet, port);
        else if (!pass_sctp<F>(packet, port))
            pass_icmp<F>(packet, port);
    };
    for (unsigned i = 0; i < set_aside_count_; ++i) {
        const auto* frame = rte_pktmbuf_mtod(set_aside_[i], const std::uint8_t*);
        if (load<Be16>(frame + 12).host() == kEtherTypeIpv4)
            pass_one.operator()<Family::ipv4>(set_aside_[i]);
        else
            pass_one.operator()<Family::ipv6>(set_aside_[i]);
    }
    set_aside_count_ = 0;
}

// What the sweeper does with a live connection.
void Worker::look_over(ConnectionIndex index, std::uint32_t status, Ticks now) {
    const Connection& connection = plane_.table[index];
    if (connection.is_expired(now)) {
        expire(index);
        return;
    }
    const Policy& policy = snapshot_->policy;
    if (sweeper_.in_round() && policy.expire_nodest && !(status & kMapping) &&
        !snapshot_->is_deployed(connection.server_slot))
        end_at_nodest(index, status);
    else if (policy.drop_entries && random() % 32 == 0)
        kill_if(index, TraceEvent::Kind::evicted,
                [&](std::uint32_t last) { return is_shed_by_drop_entry(connection, last, now); });
}

// As IPVS after a server was deleted while expire_nodest_conn was on: the connections of all
// deleted ones end, and their templates with the last one that they control. Added again, such a
// server gets no client back. The setting alone ends nothing: then the next packet does, at_nodest.
void Worker::end_at_nodest(ConnectionIndex index, std::uint32_t status) {
    const Connection& connection = plane_.table[index];
    if (status & kTemplate) return end_idle_template(index, kMapping, TraceEvent::Kind::expired);
    const ConnectionIndex control = status & kControlled ? connection.next : kNoConnection;
    if (kill(index, TraceEvent::Kind::expired) && control != kNoConnection)
        end_idle_template(control, kMapping, TraceEvent::Kind::expired);
}

// If the template controls no connection and has none of the flags in `keeping`.
void Worker::end_idle_template(ConnectionIndex index, std::uint32_t keeping, TraceEvent::Kind why) {
    const Connection& one = plane_.table[index];
    kill_if(index, why, [&](std::uint32_t status) {
        return !(status & keeping) && one.hop[0].load(std::memory_order_relaxed) == 1;
    });
}

void Worker::sweep_all(Ticks now) {
    upkeep(now);
    sweeper_.all(now, [this](ConnectionIndex i, std::uint32_t status, Ticks when) {
        look_over(i, status, when);
    });
    free_list_.collect();
}

void Worker::drop(rte_mbuf* packet, Drop reason) {
    counters_.drops[static_cast<std::size_t>(reason)].add(1);
    rte_pktmbuf_free(packet);
}

template <Family F>
void Worker::count_drop(const Burst<F>& burst, unsigned i, Drop reason) {
    counters_.drops[static_cast<std::size_t>(reason)].add(1);
    if (traces(kTraceDrop))
        note(TraceEvent::Kind::dropped, burst.headers[i].protocol, burst.flows[i],
             static_cast<std::uint32_t>(reason));
}

template <Family F>
void Worker::drop(const Burst<F>& burst, unsigned i, Drop reason) {
    count_drop(burst, i, reason);
    rte_pktmbuf_free(burst.packets[i]);
}

template <Family F>
void Worker::note(TraceEvent::Kind kind, std::uint8_t protocol, const Flow<F>& flow,
                  std::uint32_t value) {
    trace_.note({kind, protocol, flow.source_port, flow.destination_port, IpAddress(flow.source),
                 IpAddress(flow.destination), value});
}

void Worker::note(TraceEvent::Kind kind, ConnectionIndex index, std::uint32_t value) {
    const std::uint8_t filed = plane_.table[index].protocol;
    const auto protocol = static_cast<std::uint8_t>(protocol_of(filed));
    if (family_of(filed) == Family::ipv4)
        note(kind, protocol, plane_.table.flow<Family::ipv4>(index, Direction::original), value);
    else
        note(kind, protocol, plane_.table.flow<Family::ipv6>(index, Direction::original), value);
}

template void Worker::count_drop(const Burst<Family::ipv4>&, unsigned, Drop);
template void Worker::count_drop(const Burst<Family::ipv6>&, unsigned, Drop);
template void Worker::drop(const Burst<Family::ipv4>&, unsigned, Drop);
template void Worker::drop(const Burst<Family::ipv6>&, unsigned, Drop);
template void Worker::note(TraceEvent::Kind, std::uint8_t, const Flow4&, std::uint32_t);
template void Worker::note(TraceEvent::Kind, std::uint8_t, const Flow6&, std::uint32_t);

}  // namespace usher
