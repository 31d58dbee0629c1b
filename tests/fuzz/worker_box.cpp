// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/worker_box.hpp"

#include <fmt/format.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cstdlib>
#include <map>

#include "tests/fuzz/worker_world.hpp"

namespace usher::fuzz {

namespace {

constexpr unsigned kTableBits = 8;
constexpr std::uint64_t kMarkMagic = 0x75736865725f667aU;

struct Mark {
    std::uint64_t magic, number;
};

rte_ring* make_wire() {
    constexpr unsigned kRoom = 2048;
    const auto size = (static_cast<std::size_t>(rte_ring_get_memsize(kRoom)) + 63) / 64 * 64;
    auto* ring = static_cast<rte_ring*>(std::aligned_alloc(64, size));
    rte_ring_init(ring, "wire", kRoom, 0);
    return ring;
}

bool is_ok(const std::string& reply) {
    return reply.find("\"ok\":true") != std::string::npos;
}

// Of a server, from the table.
struct Counted {
    std::int64_t active = 0, inactive = 0, persistent = 0;
    friend bool operator==(const Counted&, const Counted&) = default;
};

template <Family F>
void check_findable(const DataPlane& plane, ConnectionIndex index, bool both) {
    const ConnectionTable& table = plane.table;
    for (const Direction direction : {Direction::original, Direction::reply}) {
        if (direction == Direction::reply && !both) continue;
        const Flow<F>& flow = table.flow<F>(index, direction);
        const std::uint8_t protocol = table[index].protocol;
        const Entry entry = table.find(table.hash(flow, protocol), flow, protocol);
        if (!entry || entry.index() != index || entry.direction() != direction)
            found(fmt::format("connection {} is not found by its flow {}", index,
                              static_cast<int>(direction)));
    }
}

}  // namespace

Box::Box() : wires_{make_wire(), make_wire()} {
    DirectorInProcess::Options options;
    options.table_bits = kTableBits;
    options.ports.assign(1, std::vector<PortAccess>(2));
    for (unsigned i = 0; i < 2; ++i)
        options.ports[0][i].handover = wires_[i];
    director_ = std::make_unique<DirectorInProcess>(options);
    configure();
}

Box::~Box() {
    director_.reset();
    for (rte_ring* wire : wires_)
        std::free(wire);
}

// What this version refuses is left out.
void Box::configure() {
    for (const std::string_view line : first_configuration()) {
        const std::string reply = director_->request(line);
        if (!is_ok(reply)) fmt::print(stderr, "{} {}", line, reply);
    }
    first_ = director_->director().desired();
    director_->now = 0xffff0000;  // the clock wraps soon
}

std::vector<Box::Sent> Box::pass(PortIndex port, const std::vector<Frame>& frames) {
    std::vector<rte_mbuf*> packets;
    for (const Frame& frame : frames) {
        rte_mbuf* packet = rte_pktmbuf_alloc(process_pool());
        if (packet == nullptr) found("no packet is left in the pool");
        const Mark mark{kMarkMagic, first_mark_ + injected_.size()};
        std::memcpy(packet->buf_addr, &mark, sizeof mark);
        char* room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
        std::copy(frame.begin(), frame.end(), room);
        packets.push_back(packet);
        injected_.push_back({frame, port, others_, 0});
    }
    // Online while it works, as in its thread: nothing that it lets go of is used again meanwhile.
    Worker& worker = director_->worker();
    worker.start();
    worker.process(packets, port, director_->now);
    worker.upkeep(director_->now);
    worker.transmit().flush();
    worker.stop();
    return take();
}

std::vector<Box::Sent> Box::take() {
    std::vector<Sent> sent;
    for (PortIndex port = 0; port < 2; ++port) {
        void* taken = nullptr;
        while (rte_ring_dequeue(wires_[port], &taken) == 0) {
            auto* packet = static_cast<rte_mbuf*>(taken);
            if (packet->nb_segs != 1 || packet->pkt_len != packet->data_len)
                found("a packet in pieces");
            const auto* data = rte_pktmbuf_mtod(packet, const std::uint8_t*);
            const Bytes frame(data, packet->data_len);
            Mark mark;
            std::memcpy(&mark, packet->buf_addr, sizeof mark);
            const std::uint64_t number = mark.number - first_mark_;
            const bool known = mark.magic == kMarkMagic && number < injected_.size();
            Injected* in = known ? &injected_[number] : nullptr;
            if (Pieces::is_piece(in, frame)) {
                pieces_.take(injected_, port, frame);
            } else {
                if (in == nullptr) found("sent what nobody sent", {}, frame);
                check_sent(*in, port, frame);
                if (++in->sent > 1) found("sent twice", in->frame, frame);
            }
            sent.push_back({port, Frame(frame.begin(), frame.end())});
            std::memset(packet->buf_addr, 0, sizeof mark);
            rte_pktmbuf_free(packet);
        }
    }
    return sent;
}

void Box::wait(std::uint32_t ticks, bool sweep) {
    director_->now += ticks;
    Worker& worker = director_->worker();
    if (sweep)
        worker.sweep_all(director_->now);
    else
        worker.upkeep(director_->now);
    worker.transmit().flush();
    take();
}

void Box::change(std::string_view line) {
    director_->request(line);
    changed_ = true;
    if (line.find("forwarding.set") == std::string_view::npos) return;
    others_ = true;
    for (Injected& waiting : injected_)
        waiting.others = true;
}

void Box::check_table() {
    const DataPlane& plane = director_->plane();
    std::map<std::uint32_t, Counted> counted;
    for (ConnectionIndex i = 0; i < plane.pool.ever_used(); ++i) {
        const Connection& connection = plane.table[i];
        const std::uint32_t status = connection.status.load();
        if (!(status & kLive)) continue;
        if (status & (kPending | kOnePacket)) found("a connection between two states");
        Counted& its = counted[connection.server_slot];
        ++(status & kTemplate            ? its.persistent
           : is_active(state_of(status)) ? its.active
                                         : its.inactive);
        const bool both = !(status & (kTemplate | kAnyPort));
        if (family_of(connection.protocol) == Family::ipv4)
            check_findable<Family::ipv4>(plane, i, both);
        else
            check_findable<Family::ipv6>(plane, i, both);
    }
    for (std::uint32_t slot = 0; slot < 64; ++slot)
        counted.try_emplace(slot);
    counted.try_emplace(kNobodysSlot);
    for (const auto& [slot, its] : counted) {
        const ServerLoad& load = plane.loads[slot];
        const Counted said{load.active.load(), load.inactive.load(), load.persistent.load()};
        if (said == its) continue;
        found(fmt::format("server {} has {}/{}/{} connections and counts {}/{}/{}", slot,
                          its.active, its.inactive, its.persistent, said.active, said.inactive,
                          said.persistent));
    }
}

void Box::check_empty() {
    const DataPlane& plane = director_->plane();
    for (ConnectionIndex i = 0; i < plane.pool.ever_used(); ++i)
        if (plane.table[i].status.load() & kLive) found("a connection that never ends");
    if (rte_mempool_in_use_count(process_pool()) != 0) found("packets leaked");
}

void Box::check_ports() {
    const PortPool& ports = director_->plane().ports;
    for (OutsideIndex i = 0; i < 8; ++i)
        for (const PortKind kind : {PortKind::tcp, PortKind::udp, PortKind::query})
            if (ports.use(i, kind).used != 0) found("an outside port that nobody returned");
}

// All of the table can still be used.
void Box::check_room() {
    Packet packet;
    packet.from = {world(true).clients[0], 0};
    packet.to = {world(true).virtuals[0], 80};
    unsigned served = 0;
    for (std::uint16_t port = 1000; port < 1000 + (1U << kTableBits); ++port) {
        packet.from.port = port;
        std::vector<Frame> frames;
        for (const std::uint8_t flags : {std::uint8_t{0x02}, std::uint8_t{0x10}}) {  // SYN, ACK
            packet.flags = flags;
            frames.push_back(frame_of(packet, transport_of(packet)));
        }
        served += pass(kOutside, frames).size() == 2;
    }
    if (served < (1U << kTableBits) - 1)
        found(fmt::format("only {} connections fit into the table", served));
}

void Box::finish() {
    check_table();
    if (changed_) take_back();
    end_all();
    if (++inputs_ % 256 == 0) {
        check_room();
        end_all();
    }
    if (inputs_ % 16 == 0) {
        check_ports();
        director_->director().on_second();
        for (int i = 0; i < 3; ++i)  // what rests is free
            director_->plane().ports.begin_generation();
    }
    first_mark_ += injected_.size();
    injected_.clear();
    pieces_.clear();
}

void Box::take_back() {
    RunningDirector& director = director_->director();
    if (!director.publish(first_)) found("the configuration is stuck");
    director.change_log({LogLevel::error, 0});
    changed_ = others_ = false;
}

void Box::end_all() {
    // Longer than the longest timeout; templates that controlled something get a minute more.
    constexpr Ticks kLongest = seconds(10000), kMinute = seconds(61);
    wait(kLongest, true);
    for (int i = 0; i < 3; ++i)
        wait(kMinute, true);
    for (int i = 0; i < 80; ++i)  // a few fragments at a time
        director_->worker().upkeep(director_->now);
    check_table();
    check_empty();
}

}  // namespace usher::fuzz
