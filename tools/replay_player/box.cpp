// SPDX-License-Identifier: BSD-3-Clause
#include "tools/replay_player/box.hpp"

#include <rte_mbuf.h>

#include <algorithm>
#include <sstream>

#include "tools/cli/native.hpp"

namespace usher::replay {

namespace {

constexpr unsigned kTableBits = 13;

NameResolver no_names() {
    return {[](const std::string&) { return std::nullopt; },
            [](const std::string&, Protocol) { return std::nullopt; }};
}

// The scenarios' real servers: they are behind one router.
const Prefix kServers4 = Prefix::of(*IpAddress::parse("10.2.0.0"), 16);
const Prefix kServers6 = Prefix::of(*IpAddress::parse("fd00:2::"), 32);

std::vector<StaticRoute> routes() {
    const auto gateway = [](const char* text) { return IpAddress::parse(text); };
    return {{kServers4, gateway("10.0.0.100"), "int"},
            {kServers6, gateway("2001:db8:b::100"), "int"}};
}

}  // namespace

class Box::InProcessDaemon final : public Daemon {
  public:
    explicit InProcessDaemon(DirectorInProcess& box) : box_(box) {}
    Result<Reply> ask(const Json& request) override {
        std::string line = box_.request(to_line(request));
        if (!line.empty() && line.back() == '\n') line.pop_back();
        return read_reply(line);
    }

  private:
    DirectorInProcess& box_;
};

Box::Box(unsigned workers) {
    process_pool();
    DirectorInProcess::Options options;
    options.table_bits = kTableBits;
    options.routes = routes();
    for (unsigned worker = 0; worker < workers; ++worker) {
        std::vector<PortAccess> ports;
        for (unsigned port = 0; port < 2; ++port) {
            const unsigned below = 1 + 2 * worker + port;
            catchers_.push_back(
                std::make_unique<Catcher>(static_cast<std::uint16_t>(RTE_MAX_ETHPORTS - below)));
            ports.push_back(catchers_.back()->access());
        }
        options.ports.push_back(std::move(ports));
    }
    box_ = std::make_unique<DirectorInProcess>(options);
}

Box::~Box() = default;

CommandOutput Box::ipvsadm(const std::vector<std::string>& words, const std::string& input) {
    InProcessDaemon daemon(*box_);
    std::istringstream in(input);
    std::ostringstream out, err;
    const EndpointNames numbers;
    const NameResolver resolver = no_names();
    const int code =
        run_ipvsadm("ipvsadm", words, {daemon, resolver, numbers, Terminal{in, out, err}});
    return {code, out.str(), err.str()};
}

CommandOutput Box::usher(const std::vector<std::string>& words) {
    std::istringstream in;
    std::ostringstream out, err;
    const auto connect = [this](const std::string&) -> std::unique_ptr<Daemon> {
        return std::make_unique<InProcessDaemon>(*box_);
    };
    const int code = run_native(words, {connect, no_names(), Terminal{in, out, err}});
    return {code, out.str(), err.str()};
}

Result<std::vector<ServiceRow>> Box::services() {
    auto reply = InProcessDaemon(*box_).ask({{"command", "service.list"}});
    if (!reply || !reply->ok) return tl::unexpected(reply ? reply->error : reply.error());
    auto listing = read_service_listing(reply->result);
    if (!listing) return tl::unexpected(listing.error());
    return std::move(listing->services);
}

Result<std::vector<ConnectionRow>> Box::connections() {
    auto reply = InProcessDaemon(*box_).ask({{"command", "connection.list"}});
    if (!reply || !reply->ok) return tl::unexpected(reply ? reply->error : reply.error());
    return read_connections(reply->result);
}

Result<void> Box::set_marks(std::vector<MarkRule> marks) {
    // Whatever it was called when it was recorded: what is marked comes from the clients.
    for (MarkRule& mark : marks)
        if (!mark.interface.empty()) mark.interface = "ext";
    DesiredState state = box_->director().desired();
    state.marks = std::move(marks);
    ++state.revision;
    return box_->director().publish(std::move(state));
}

void Box::set_clock(Ticks now) {
    box_->now = now;
    for (unsigned worker = 0; worker < catchers_.size() / 2; ++worker)
        box_->worker(worker).sweep_all(now);
}

// Without any service of a family nothing of it is steered to the workers, as IPVS unhooks then.
bool Box::is_ushers(const Frame& frame) const {
    const auto segment = decode(frame);
    if (!segment) return true;
    const auto& services = box_->director().desired().services;
    return std::any_of(services.begin(), services.end(), [&](const auto& each) {
        return each.first.family() == segment->source.address.family();
    });
}

std::vector<Box::Sent> Box::pass(Side from, const Frame& frame) {
    if (!is_ushers(frame)) return through_kernel(from, frame);
    const unsigned worker = turn_++ % static_cast<unsigned>(catchers_.size() / 2);
    const std::uint64_t before = left_to_kernel(worker);
    std::vector<Sent> sent = through_worker(worker, from, frame);
    return left_to_kernel(worker) == before ? sent : through_kernel(from, frame);
}

std::vector<Box::Sent> Box::through_worker(unsigned worker, Side from, const Frame& frame) {
    rte_mbuf* packet = rte_pktmbuf_alloc(process_pool());
    char* room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
    std::copy(frame.begin(), frame.end(), room);
    Worker& its = box_->worker(worker);
    its.process({&packet, 1}, static_cast<PortIndex>(from), box_->now);
    its.upkeep(box_->now);
    its.transmit().flush();
    std::vector<Sent> sent;
    for (const Side to : {Side::clients, Side::servers})
        for (rte_mbuf* out : catchers_[2 * worker + static_cast<unsigned>(to)]->take()) {
            const auto* bytes = rte_pktmbuf_mtod(out, const std::uint8_t*);
            sent.push_back({to, Frame(bytes, bytes + out->data_len)});
            rte_pktmbuf_free(out);
        }
    return sent;
}

// What clients and real servers send to each other is routed as it is. All other addresses are the
// box's own, and nobody listens on them.
std::vector<Box::Sent> Box::through_kernel(Side from, const Frame& frame) {
    if (from == Side::servers) return {{Side::clients, frame}};
    const auto segment = decode(frame);
    if (!segment) return {};
    const IpAddress& to = segment->destination.address;
    if (kServers4.contains(to) || kServers6.contains(to)) return {{Side::servers, frame}};
    const auto answer = closed_port_answer(frame, *segment);
    if (!answer) return {};
    return {{Side::clients, *answer}};
}

std::uint64_t Box::left_to_kernel(unsigned worker) const {
    return box_->worker(worker).counters().drops[static_cast<std::size_t>(Drop::no_service)].read();
}

}  // namespace usher::replay
