// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/player.hpp"

#include <algorithm>
#include <cmath>

#include "tools/cli/ipvsadm_restore.hpp"
#include "tools/replay_player/control_command.hpp"
#include "tools/replay_player/mark_command.hpp"

namespace usher::replay {

namespace {

// What each thing took when it was recorded: only timers see it.
constexpr double kCommandTakes = 0.12;
constexpr double kConnectTakes = 0.0025;
constexpr double kCloseTakes = 0.002;
constexpr double kExchangeTakes = 0.0025;
constexpr double kSynTakes = 0.026;
constexpr double kSnapshotTakes = 0.25;
// How long its programs waited for each other.
constexpr double kClosePatience = 2;
constexpr double kDataPatience = 0.404;

const char* name_of(Fault fault) {
    switch (fault) {
        case Fault::refused:
            return "ECONNREFUSED";
        case Fault::reset:
            return "ECONNRESET";
        case Fault::unreachable:
            return "EHOSTUNREACH";
        case Fault::timed_out:
            return "ETIMEDOUT";
        case Fault::none:
            break;
    }
    return "EPIPE";
}

Record icmp_record(const IcmpReport& report) {
    return {{"type", report.type},
            {"code", report.code},
            {"v", report.family == Family::ipv4 ? 4 : 6},
            {"info", report.info}};
}

std::string title_of(const ServiceKey& key) {
    if (key.fwmark != 0) return "FWM " + std::to_string(key.fwmark);
    return key.to_string();
}

Record lines_of(const ServiceRow& row) {
    Record lines = Record::array();
    for (const ServerRow& server : row.servers)
        lines.push_back(Record::array(
            {server.key.to_string(), server.options.weight, server.active, server.inactive}));
    return lines;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines)
        text += line + "\n";
    return text;
}

}  // namespace

Result<Record> Player::play(const Scenario& scenario) {
    if (auto ready = set_up(scenario); !ready) return tl::unexpected(ready.error());
    Record record;
    record["setup_result"] = Record::array();
    record["save_after_setup"] = world_.box().ipvsadm({"-Sn"}).out;
    state_ = state();
    record["state0"] = Record::array();
    for (const auto& [service, lines] : state_)
        record["state0"].push_back({title_of(service), lines});
    record["results"] = Record::array();
    for (const Event& event : scenario.events) {
        Record result = std::visit([this](const auto& one) { return perform(one); }, event);
        result["t"] = std::round(static_cast<double>(world_.now()) / 1e3) / 1e3;
        State now = state();
        if (Record changed = changes(now); !changed.empty()) result["st"] = std::move(changed);
        state_ = std::move(now);
        record["results"].push_back(std::move(result));
    }
    record["final"] = Record::object();
    for (const char* line : {"ipvsadm -Ln", "ipvsadm -Ln --stats", "ipvsadm -Sn"})
        record["final"][line] = run_command(line);
    return record;
}

Result<void> Player::set_up(const Scenario& scenario) {
    // One that does not apply to Usher changes nothing: the scenario shows whether that matters.
    for (const Sysctl& setting : scenario.settings)
        static_cast<void>(set(setting));
    for (const std::string& command : scenario.controls)
        if (auto done = control(command); !done) return done;
    const CommandOutput restored = world_.box().ipvsadm({"-R"}, joined(scenario.setup));
    if (restored.exit_code != 0)
        return fail(Errc::invalid, restored.err.substr(0, restored.err.find_last_not_of('\n') + 1));
    return {};
}

Result<void> Player::set(const Sysctl& setting) {
    const std::string name = setting.key.substr(setting.key.find_last_of("./") + 1);
    const CommandOutput done = world_.box().usher({"vs", "set", name, setting.value});
    if (done.exit_code != 0) return fail(Errc::invalid, done.err);
    return {};
}

Result<void> Player::control(const std::string& line) {
    const ControlCommand command = read_control_command(line);
    // A setting that is not Usher's changes nothing, as in set_up().
    for (const Sysctl& setting : command.settings)
        static_cast<void>(set(setting));
    if (!command.marks.empty()) return change_marks(command.marks);
    if (command.ipvsadm.empty()) return {};
    const CommandOutput done = world_.box().ipvsadm(command.ipvsadm);
    if (done.exit_code != 0) return fail(Errc::invalid, done.err);
    return {};
}

Result<void> Player::change_marks(const std::string& command) {
    auto marks = apply_mark_command(command, world_.box().marks());
    if (!marks) return tl::unexpected(marks.error());
    return world_.box().set_marks(std::move(*marks));
}

Record Player::refusal(const std::optional<IcmpReport>& icmp, bool reset) {
    Record result = {{"rs", nullptr}};
    if (icmp) {
        const bool is_port = icmp->family == Family::ipv4 ? icmp->type == 3 && icmp->code == 3
                                                          : icmp->type == 1 && icmp->code == 4;
        result["err"] = name_of(is_port ? Fault::refused : Fault::unreachable);
        result["icmp"] = icmp_record(*icmp);
    } else if (reset) {
        result["err"] = name_of(Fault::refused);
        result["rst"] = true;
    } else {
        result["err"] = "timeout";
    }
    return result;
}

Record Player::perform(const Connect& event) {
    world_.watch(event.client, event.virtual_end);
    if (event.protocol == Protocol::tcp) return open_tcp(event);
    const Socket socket{Protocol::udp, event.client, event.virtual_end, nullptr, nullptr};
    sockets_[event.id] = socket;
    return exchange_datagrams(socket, event.patience);
}

Record Player::open_tcp(const Connect& event) {
    const Micros begin = world_.now();
    TcpEnd& end = world_.open(event.client, event.virtual_end);
    wait_for(event.patience, [&] { return end.is_established() || end.is_gone(); });
    world_.run(std::max(world_.now(), begin + micros(kConnectTakes)));
    if (!end.is_established()) {
        Record result = refusal(end.icmp(), world_.watched().reset);
        end.abort();
        return result;
    }
    TcpEnd* server = world_.watched().accepted;
    sockets_[event.id] = {Protocol::tcp, event.client, event.virtual_end, &end, server};
    return {{"rs", server->local().to_string()}};
}

Record Player::exchange_datagrams(const Socket& socket, double patience) {
    const Micros begin = world_.now();
    world_.watch(socket.client, socket.virtual_end);
    const World::Watch& seen = world_.watched();
    world_.send_datagram(socket.client, socket.virtual_end);
    wait_for(patience, [&] { return seen.answered || seen.icmp; });
    world_.run(std::max(world_.now(), begin + micros(kExchangeTakes)));
    if (!seen.server) return refusal(seen.icmp, false);
    return {{"rs", seen.server->to_string()}, {"reply", seen.answered}};
}

Record Player::perform(const SendDatagram& event) {
    const auto socket = sockets_.find(event.id);
    if (socket == sockets_.end()) return {{"noconn", true}};
    return exchange_datagrams(socket->second, event.patience);
}

// Half of a connection ends, the other end sees it and ends the other half.
bool Player::end_orderly(TcpEnd& first, TcpEnd& second) {
    first.shut_down(world_.now());
    if (!wait_for(kClosePatience, [&] { return second.at_end_of_file(); })) return false;
    second.shut_down(world_.now());
    return wait_for(kClosePatience, [&] { return first.at_end_of_file(); });
}

Record Player::perform(const Close& event) {
    const auto found = sockets_.find(event.id);
    if (found == sockets_.end() || found->second.tcp == nullptr) {
        wait(kCloseTakes);
        return {{"noconn", true}};
    }
    TcpEnd& client = *found->second.tcp;
    TcpEnd& server = *found->second.server;
    bool done = true;
    switch (event.how) {
        case Close::How::fin:
            done = end_orderly(client, server);
            break;
        case Close::How::server_fin:
            done = end_orderly(server, client);
            break;
        case Close::How::half:
            client.shut_down(world_.now());
            done = wait_for(kClosePatience, [&] { return server.at_end_of_file(); });
            break;
        case Close::How::rst:
            client.abort();
            break;
        case Close::How::server_rst:
            server.abort();
            break;
    }
    if (!done) {  // both programs give up and close what they have
        client.shut_down(world_.now());
        server.shut_down(world_.now());
    }
    wait(kCloseTakes);
    if (done) return Record::object();
    return {{"err", "TimeoutError('timed out')"}};
}

Record Player::perform(const Data& event) {
    const auto found = sockets_.find(event.id);
    if (found == sockets_.end() || found->second.tcp == nullptr) return {{"noconn", true}};
    TcpEnd& client = *found->second.tcp;
    TcpEnd& server = *found->second.server;
    wait(0);
    if (!client.write(1, world_.now())) return {{"client_err", name_of(client.take_fault())}};
    wait_for(kDataPatience, [&] { return server.is_readable() || client.fault() != Fault::none; });
    Record result = {{"to_rs", nullptr}};
    bool answered = false;
    Fault server_fault = Fault::none;
    if (server.is_readable()) {
        result["to_rs"] = server.local().to_string();
        server.read_all();
        server_fault = server.take_fault();
        if (server.write(1, world_.now()))
            wait_for(kDataPatience, [&] { return client.is_readable(); });
        answered = client.unread() > 0;
        client.read_all();
    }
    if (answered || client.fault() != Fault::none) wait(kExchangeTakes);
    if (answered) result["reply"] = true;
    if (const Fault fault = client.take_fault(); fault != Fault::none)
        result["client_err"] = name_of(fault);
    if (server_fault != Fault::none) result["server_err"] = "EPIPE";
    return result;
}

Record Player::perform(const LoneSyn& event) {
    world_.watch(event.client, event.virtual_end);
    world_.send_lone_syn(event.client, event.virtual_end);
    wait(kSynTakes);
    const World::Watch& seen = world_.watched();
    if (!seen.server) return refusal(seen.icmp, seen.reset);
    Record result = {{"rs", seen.server->to_string()}};
    if (const auto rows = world_.box().connections())
        for (const ConnectionRow& row : *rows)
            if (row.client == event.client && row.virtual_end == event.virtual_end)
                result["state"] = row.state;
    return result;
}

Record Player::perform(const Ipvsadm& event) {
    wait(kCommandTakes);
    const CommandOutput done = world_.box().ipvsadm(event.words);
    Record result = {{"rc", done.exit_code}};
    if (!done.err.empty()) result["stderr"] = done.err;
    return result;
}

Record Player::perform(const Sysctl& event) {
    wait(kCommandTakes);
    if (const auto done = set(event); !done) return {{"refused", done.error().message}};
    return Record::object();
}

Record Player::perform(const Sleep& event) {
    wait(event.seconds);
    return Record::object();
}

Record Player::perform(const Control& event) {
    wait(kCommandTakes);
    for (const std::string& command : event.commands)
        if (const auto done = control(command); !done) return {{"err", done.error().message}};
    return {{"rc", 0}};
}

Record Player::perform(const TakeSnapshot& event) {
    wait(kSnapshotTakes);
    Record result = {{"out", Record::object()}};
    for (const std::string& line : event.commands)
        result["out"][line] = run_command(line);
    return result;
}

Record Player::run_command(const std::string& line) {
    const CommandOutput done = world_.box().ipvsadm(restore_words(line));
    return {{"rc", done.exit_code}, {"out", done.out}};
}

Player::State Player::state() {
    State state;
    if (const auto services = world_.box().services())
        for (const ServiceRow& row : *services)
            state.emplace_back(row.key, lines_of(row));
    return state;
}

Record Player::changes(const State& now) const {
    Record changed = Record::object();
    const auto find = [](const State& state, const ServiceKey& service) {
        return std::find_if(state.begin(), state.end(),
                            [&](const auto& one) { return one.first == service; });
    };
    for (const auto& [service, lines] : now) {
        const auto before = find(state_, service);
        if (before == state_.end() || before->second != lines) changed[title_of(service)] = lines;
    }
    for (const auto& [service, lines] : state_)
        if (find(now, service) == now.end()) changed[title_of(service)] = nullptr;
    return changed;
}

}  // namespace usher::replay
