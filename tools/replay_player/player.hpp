// SPDX-License-Identifier: BSD-3-Clause
// Plays a scenario through the shipped code and tells what happened, in the form that recorded
// files have (docs/replay.md). It never sees what was recorded.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/replay_player/scenario.hpp"
#include "tools/replay_player/world.hpp"

namespace usher::replay {

using Record = nlohmann::ordered_json;

class Player {
  public:
    explicit Player(unsigned workers) : world_(workers) {}

    // The members beside "scenario" of a file: setup_result, save_after_setup, state0, results,
    // final. Fails when the set-up is refused; the message is the director's.
    Result<Record> play(const Scenario& scenario);

  private:
    struct Socket {
        Protocol protocol = Protocol::tcp;
        Endpoint client;
        Endpoint virtual_end;
        TcpEnd* tcp = nullptr;     // of the client; the world's
        TcpEnd* server = nullptr;  // of the real server that accepted it
    };
    using State = std::vector<std::pair<ServiceKey, Record>>;  // in the list's order

    Result<void> set_up(const Scenario& scenario);
    Result<void> set(const Sysctl& setting);
    Result<void> control(const std::string& line);
    Result<void> change_marks(const std::string& command);

    Record perform(const Connect& event);
    Record perform(const Close& event);
    Record perform(const SendDatagram& event);
    Record perform(const Data& event);
    Record perform(const LoneSyn& event);
    Record perform(const Ipvsadm& event);
    Record perform(const Sysctl& event);
    Record perform(const Sleep& event);
    Record perform(const Control& event);
    Record perform(const TakeSnapshot& event);

    Record open_tcp(const Connect& event);
    Record exchange_datagrams(const Socket& socket, double patience);
    bool end_orderly(TcpEnd& first, TcpEnd& second);
    Record run_command(const std::string& line);

    // What the client was told when it got no server.
    static Record refusal(const std::optional<IcmpReport>& icmp, bool reset);

    void wait(double seconds) { world_.run(world_.now() + micros(seconds)); }
    bool wait_for(double seconds, const std::function<bool()>& enough) {
        return world_.run(world_.now() + micros(seconds), enough);
    }
    static Micros micros(double seconds) { return static_cast<Micros>(seconds * 1e6); }

    State state();
    Record changes(const State& now) const;

    World world_;
    std::map<std::string, Socket> sockets_;  // by the events' id
    State state_;
};

}  // namespace usher::replay
