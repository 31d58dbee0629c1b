// SPDX-License-Identifier: BSD-3-Clause
// The clients, the real servers and the director's box between them, under one clock that stands
// still while packets are on their way. Real servers listen on every port of every address and
// echo UDP; clients take only what comes from where they sent to.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tools/replay_player/box.hpp"
#include "tools/replay_player/tcp_end.hpp"

namespace usher::replay {

class World {
  public:
    explicit World(unsigned workers) : box_(workers) {}

    Box& box() { return box_; }
    Micros now() const { return now_; }

    // What happens to the packets of one client since watch().
    struct Watch {
        Endpoint client;
        Endpoint virtual_end;
        std::optional<Endpoint> server;  // where its first packet came out
        TcpEnd* accepted = nullptr;      // what its last SYN has made there
        bool answered = false;           // UDP
        bool reset = false;
        std::optional<IcmpReport> icmp;
    };
    void watch(const Endpoint& client, const Endpoint& virtual_end) {
        watch_ = Watch{client, virtual_end, {}, nullptr, false, false, {}};
    }
    const Watch& watched() const { return watch_; }

    TcpEnd& open(const Endpoint& client, const Endpoint& virtual_end);  // sends its SYN
    void send_datagram(const Endpoint& client, const Endpoint& virtual_end);
    void send_lone_syn(const Endpoint& client, const Endpoint& virtual_end);

    // Time goes on until `end`, or less when `enough` holds; whether it does.
    bool run(Micros end, const std::function<bool()>& enough);
    void run(Micros end) {
        run(end, [] { return false; });
    }

  private:
    using Ends = std::map<std::pair<Endpoint, Endpoint>, std::unique_ptr<TcpEnd>>;

    void deliver();
    bool take_segments(Ends& ends, Side side);
    void arrive(const Box::Sent& sent, bool is_watched);
    void arrive_at_server(const Segment& segment, bool is_watched);
    void accept(std::unique_ptr<TcpEnd>& end, const Segment& syn);
    void arrive_at_client(const Segment& segment);
    void send(Side from, const Segment& segment) { underway_.emplace_back(from, segment); }
    std::optional<Micros> next_due() const;
    std::uint32_t first_sequence() { return sequence_ += 64021; }  // each beyond the one before

    Box box_;
    Micros now_ = 0;
    Ends clients_, servers_;
    std::vector<std::unique_ptr<TcpEnd>> past_;             // others have their place
    std::map<std::pair<Endpoint, Endpoint>, bool> silent_;  // ends that answer nothing
    std::deque<std::pair<Side, Segment>> underway_;
    Watch watch_;
    std::uint32_t sequence_ = 1000;
};

}  // namespace usher::replay
