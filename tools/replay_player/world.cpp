// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/world.hpp"

#include <algorithm>

namespace usher::replay {

namespace {

constexpr Ticks kFirstTick = 1000;
// The clock never jumps: of what ends in a long sleep, each thing ends in its turn.
constexpr Micros kStep = 1'000'000 / kTicksPerSecond;

Ticks ticks_at(Micros now) {
    return kFirstTick + static_cast<Ticks>(now * kTicksPerSecond / 1'000'000);
}

}  // namespace

TcpEnd& World::open(const Endpoint& client, const Endpoint& virtual_end) {
    auto& end = clients_[{client, virtual_end}];
    if (end) past_.push_back(std::move(end));
    end = std::make_unique<TcpEnd>(client, virtual_end, first_sequence());
    silent_.erase({client, virtual_end});
    end->connect(now_);
    return *end;
}

void World::send_datagram(const Endpoint& client, const Endpoint& virtual_end) {
    Segment datagram;
    datagram.protocol = Protocol::udp;
    datagram.source = client;
    datagram.destination = virtual_end;
    datagram.length = 6;
    send(Side::clients, datagram);
}

void World::send_lone_syn(const Endpoint& client, const Endpoint& virtual_end) {
    silent_[{client, virtual_end}] = true;
    Segment syn;
    syn.source = client;
    syn.destination = virtual_end;
    syn.flags = kSyn;
    syn.sequence = first_sequence();
    send(Side::clients, syn);
}

bool World::run(Micros end, const std::function<bool()>& enough) {
    for (;;) {
        deliver();
        if (enough()) return true;
        const auto due = next_due();
        const bool timer = due && *due <= end;
        const Micros wanted = timer ? *due : end;
        const Micros next = std::min(wanted, now_ + kStep);
        if (ticks_at(next) != ticks_at(now_)) box_.set_clock(ticks_at(next));
        now_ = std::max(now_, next);
        if (next < wanted) continue;
        if (!timer) return false;
        for (Ends* ends : {&clients_, &servers_})
            for (auto& [key, one] : *ends)
                one->on_timer(now_);
    }
}

std::optional<Micros> World::next_due() const {
    std::optional<Micros> first;
    for (const Ends* ends : {&clients_, &servers_})
        for (const auto& [key, one] : *ends)
            if (one->due() && (!first || *one->due() < *first)) first = one->due();
    return first;
}

bool World::take_segments(Ends& ends, Side side) {
    bool any = false;
    for (auto& [key, one] : ends) {
        for (const Segment& segment : std::exchange(one->out, {})) {
            send(side, segment);
            any = true;
        }
    }
    return any;
}

void World::deliver() {
    for (;;) {
        take_segments(clients_, Side::clients);
        take_segments(servers_, Side::servers);
        if (underway_.empty()) return;
        while (!underway_.empty()) {
            const auto [from, segment] = underway_.front();
            underway_.pop_front();
            // By what went in: the director may give it another source port.
            const bool is_watched = from == Side::clients && segment.source == watch_.client &&
                                    segment.destination == watch_.virtual_end;
            for (const Box::Sent& sent : box_.pass(from, encode(segment)))
                arrive(sent, is_watched);
        }
    }
}

void World::arrive(const Box::Sent& sent, bool is_watched) {
    const auto segment = decode(sent.frame);
    if (!segment) return;
    if (sent.to == Side::servers)
        arrive_at_server(*segment, is_watched);
    else
        arrive_at_client(*segment);
}

void World::arrive_at_server(const Segment& segment, bool is_watched) {
    if (segment.icmp) return;
    if (is_watched && !watch_.server) watch_.server = segment.destination;
    if (segment.protocol == Protocol::udp) {
        Segment echo = segment;
        std::swap(echo.source, echo.destination);
        return send(Side::servers, echo);
    }
    auto& end = servers_[{segment.destination, segment.source}];
    const bool opens = segment.has(kSyn) && !segment.has(kAck) && !segment.has(kRst);
    if (opens && (!end || end->has_ended())) {
        accept(end, segment);
        if (is_watched) watch_.accepted = end.get();
    } else if (end) {
        end->receive(segment, now_);
    } else {
        servers_.erase({segment.destination, segment.source});
        if (!segment.has(kRst)) send(Side::servers, reset_for(segment));
    }
}

void World::accept(std::unique_ptr<TcpEnd>& end, const Segment& syn) {
    if (end) past_.push_back(std::move(end));
    end = std::make_unique<TcpEnd>(syn.destination, syn.source, first_sequence());
    end->accept(syn, now_);
}

void World::arrive_at_client(const Segment& segment) {
    if (segment.icmp) {
        const IcmpReport& report = *segment.icmp;
        if (report.source == watch_.client && report.destination == watch_.virtual_end)
            watch_.icmp = report;
        const auto quoted = clients_.find({report.source, report.destination});
        if (quoted != clients_.end()) quoted->second->receive(report);
        return;
    }
    const bool from_virtual_end =
        segment.destination == watch_.client && segment.source == watch_.virtual_end;
    if (from_virtual_end && segment.protocol == Protocol::udp) watch_.answered = true;
    if (from_virtual_end && segment.has(kRst)) watch_.reset = true;
    if (segment.protocol != Protocol::tcp) return;
    if (silent_.contains({segment.destination, segment.source})) return;
    const auto end = clients_.find({segment.destination, segment.source});
    if (end != clients_.end())
        end->second->receive(segment, now_);
    else if (!segment.has(kRst))
        send(Side::clients, reset_for(segment));
}

}  // namespace usher::replay
