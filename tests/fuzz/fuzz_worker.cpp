// SPDX-License-Identifier: BSD-3-Clause
// Whole packets through the real worker, from both sides. The input is a list of steps: a client or
// an inside host sends, somebody answers what came out last, a router complains about it, a sender
// goes on, time goes by, the configuration changes. Packets are sound unless the input says what is
// wrong with them. worker_checks.hpp looks at each packet that is sent, worker_box.hpp at what is
// left after the input.
#include <algorithm>
#include <array>
#include <deque>

#include "tests/fuzz/worker_box.hpp"
#include "tests/fuzz/worker_world.hpp"

namespace usher::fuzz {
namespace {

// Reads the input from its start; at its end there is nothing but zeros.
class Choices {
  public:
    explicit Choices(Bytes bytes) : bytes_(bytes) {}
    bool empty() const { return bytes_.empty(); }
    std::uint8_t byte() {
        if (bytes_.empty()) return 0;
        const std::uint8_t first = bytes_[0];
        bytes_ = bytes_.subspan(1);
        return first;
    }
    std::size_t below(std::size_t count) { return byte() % count; }
    template <class List>
    const auto& of(const List& list) {
        return list[below(std::size(list))];
    }

  private:
    Bytes bytes_;
};

constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPush = 8, kAck = 16;
constexpr std::uint8_t kTcpFlags[] = {kSyn, kAck,        kPush | kAck, kFin | kAck,
                                      kRst, kSyn | kAck, kFin,         kRst | kAck,
                                      0,    0xff,        kSyn | kRst};
constexpr std::uint8_t kSctpChunks[] = {1, 2, 10, 11, 0, 7, 8, 14, 6, 3, 192};
constexpr std::uint16_t kSizes[] = {0, 1, 7, 100, 512, 1400, 1460, 1472, 1473, 1700};
constexpr std::size_t kLongest = 2000;  // frame: what fits into an mbuf
constexpr std::uint16_t kClientPorts[] = {40001, 40002, 20, 80, 1};
constexpr std::string_view kTexts[] = {
    "USER anonymous\r\n",
    "PASV\r\n",
    "227 Entering Passive Mode (10,0,0,100,195,80)\r\n",
    "EPSV\r\n",
    "229 Entering Extended Passive Mode (|||50000|)\r\n",
    "PORT 198,51,100,2,156,65\r\n",
    "EPRT |1|198.51.100.2|40001|\r\n",
    "EPRT |2|2001:db8:ffff::2|40001|\r\n",
    "PORT 192,0,2,99,0,22\r\n",
    "PA",
    "SV\r\nPASV\r\n",
    "227 Entering Passive Mode (10,0,0,1",
    "00,4,1)\r\n",
    "150 Here it comes\r\n226 Done\r\n",
    "227 =1,2,3,4,5,6\r\n",
    "AUTH TLS\r\n",
};
constexpr std::uint32_t kTicks[] = {
    1,           seconds(1),   seconds(4),   seconds(16),  seconds(31),
    seconds(61), seconds(130), seconds(310), seconds(950), seconds(7500)};

class Run {
  public:
    Run(Box& box, Bytes input) : box_(box), choices_(input) {}

    void all() {
        for (int steps = 0; steps < 100 && !choices_.empty(); ++steps)
            step();
        flush();
    }

  private:
    void step() {
        switch (choices_.below(17)) {
            case 0:
            case 1:
            case 2:
            case 3:
                return client();
            case 4:
            case 5:
            case 6:
            case 7:
                return answer();
            case 8:
            case 9:
                return go_on();
            case 10:
                return complain();
            case 11:
                return insider();
            case 12:
                return ping();
            case 13:
                flush();
                return wait();
            case 14:
                flush();
                if (++changes_ <= 4) box_.change(choices_.of(changes()));
                return;
            case 15:
                return flood();
            default:
                return anything();
        }
    }

    void wait() {
        const std::uint8_t how = choices_.byte();
        box_.wait(kTicks[how % std::size(kTicks)], how & 0x80);
    }

    void fill(Packet& packet) {
        const std::uint8_t what = choices_.byte();
        packet.sequence += 1000;
        packet.flags = packet.protocol == kNumberTcp ? kTcpFlags[what % std::size(kTcpFlags)]
                                                     : kSctpChunks[what % std::size(kSctpChunks)];
        if (packet.flags == kSyn && what & 0x80) packet.options = {2, 4, 5, 0xb4, 1, 1, 1, 0};
        if (what & 0x40 && packet.flags != kSyn)
            packet.options = {1, 1, 5, 10, 0, 0, 3, 232, 0, 0, 7, 208};
        if (what & 0x20) load(packet);
    }

    void load(Packet& packet) {
        const std::uint8_t what = choices_.byte();
        if (packet.from.port == 21 || packet.to.port == 21) {
            const std::string_view text = kTexts[what % std::size(kTexts)];
            packet.payload.assign(text.begin(), text.end());
        } else {
            packet.payload.assign(kSizes[what % std::size(kSizes)], what);
        }
    }

    void client() {
        const std::uint8_t how = choices_.byte();
        const World& there = world(!(how & 1));
        Packet packet;
        packet.from = {choices_.of(there.clients), choices_.of(kClientPorts)};
        packet.to = {there.virtuals[how & 2 ? choices_.below(there.virtuals.size()) : 0],
                     choices_.of(kPorts)};
        packet.protocol = protocol_of_port(packet.to.port);
        fill(packet);
        send(how & 4 ? kInside : kOutside, packet, how);
    }

    // More new connections than there is room for.
    void flood() {
        flush();
        const std::uint8_t how = choices_.byte();
        const World& there = world(!(how & 1));
        Packet packet;
        packet.to = {there.virtuals[0], choices_.of(kPorts)};
        packet.protocol = protocol_of_port(packet.to.port);
        packet.from.address = there.clients[how & 2 ? 1 : 0];
        packet.flags = packet.protocol == kNumberSctp ? 1 : kSyn;
        const int count = 32 << (how >> 2 & 3);
        for (int i = 0; i < count; ++i) {
            packet.from.port = static_cast<std::uint16_t>(2000 + i);
            put(kOutside, frame_of(packet, transport_of(packet)));
        }
        flush();
    }

    void insider() {
        const std::uint8_t how = choices_.byte();
        const World& there = world(!(how & 1));
        Packet packet;
        packet.from = {how & 2 ? choices_.of(there.servers) : choices_.of(there.insiders),
                       choices_.of(kClientPorts)};
        packet.to = {how & 4 ? choices_.of(there.virtuals) : choices_.of(there.clients),
                     choices_.of(kPorts)};
        packet.protocol = protocol_of_port(packet.to.port);
        fill(packet);
        send(kInside, packet, how);
    }

    void ping() {
        const std::uint8_t how = choices_.byte();
        const World& there = world(!(how & 1));
        Packet packet;
        packet.protocol = how & 1 ? kNumberIcmp6 : kNumberIcmp;
        packet.from.address = how & 2 ? choices_.of(there.clients) : choices_.of(there.insiders);
        packet.to.address = how & 4 ? choices_.of(there.virtuals) : choices_.of(there.clients);
        packet.flags = how & 1 ? 128 : 8;
        if (how & 8) packet.flags = how & 1 ? 129 : 0;
        packet.sequence = std::uint32_t{choices_.byte() & 3U} << 16 | 1;
        load(packet);
        send(how & 2 ? kOutside : kInside, packet, how);
    }

    // Anything to anybody, in any protocol.
    void anything() {
        const std::uint8_t how = choices_.byte();
        const World& there = world(!(how & 1));
        const std::vector<IpAddress>* const all[] = {
            &there.clients, &there.virtuals, &there.servers, &there.insiders,
            &there.outside, &there.own,      &there.odd};
        constexpr std::uint8_t kProtocols[] = {kNumberTcp,   kNumberUdp,  kNumberIcmp,
                                               kNumberIcmp6, kNumberSctp, 47};
        Packet packet;
        packet.protocol = choices_.of(kProtocols);
        packet.from = {choices_.of(*choices_.of(all)), choices_.of(kClientPorts)};
        packet.to = {choices_.of(*choices_.of(all)), choices_.of(kPorts)};
        if (how & 4) packet.from.port = choices_.of(kPorts);
        fill(packet);
        packet.code = choices_.byte();
        send(how & 2 ? kInside : kOutside, packet, how);
    }

    // Somebody that the last packets went to, or came from.
    struct Known {
        PortIndex port;
        Frame frame;
        Bytes datagram() const { return Bytes(frame).subspan(14); }
    };
    const Known* some(const std::deque<Known>& list) {
        const std::size_t back = choices_.byte();
        return list.empty() ? nullptr : &list[list.size() - 1 - back % list.size()];
    }

    static Packet packet_of(const View& view, Bytes ip, bool back) {
        Packet packet;
        packet.protocol = view.protocol;
        packet.from.address = back ? view.destination : view.source;
        packet.to.address = back ? view.source : view.destination;
        if (view.has_ports()) {
            packet.from.port = port_at(ip, view.l4 + (back ? 2 : 0));
            packet.to.port = port_at(ip, view.l4 + (back ? 0 : 2));
        }
        const auto number = [&](std::size_t at) {
            return std::uint32_t{port_at(ip, view.l4 + at)} << 16 | port_at(ip, view.l4 + at + 2);
        };
        if (view.protocol == kNumberTcp && view.begin == 0 && view.total >= view.l4 + 20) {
            const std::size_t header = (ip[view.l4 + 12] >> 4) * std::size_t{4};
            const std::size_t payload = view.total - std::min(view.total, view.l4 + header);
            const auto next = static_cast<std::uint32_t>(number(4) + payload +
                                                         ((ip[view.l4 + 13] & 3) != 0 ? 1 : 0));
            packet.sequence = back ? number(8) : next;
            packet.acknowledged = back ? next : number(8);
        }
        if (view.is_icmp() && view.total >= view.l4 + 8) packet.sequence = number(4);
        return packet;
    }

    void answer() {
        const Known* to = some(out_);
        if (to == nullptr) return client();
        const auto view = view_of_frame(to->frame);
        if (!view) return;
        const std::uint8_t how = choices_.byte();
        Packet packet = packet_of(*view, to->datagram(), true);
        if (view->is_icmp()) {
            packet.flags = view->v4 ? 0 : 129;
            load(packet);
        } else {
            fill(packet);
            packet.sequence -= 1000;
        }
        send(to->port, packet, how);
    }

    void go_on() {
        const Known* one = some(in_);
        if (one == nullptr) return insider();
        const auto view = view_of_frame(one->frame);
        const std::uint8_t how = choices_.byte();
        if (!view || how & 4) {  // the same once more
            const Known again = *one;
            if (again.port != port_) flush();
            put(again.port, again.frame);
            return flush();
        }
        Packet packet = packet_of(*view, one->datagram(), false);
        fill(packet);
        packet.sequence -= 1000;
        send(one->port, packet, how);
    }

    // An ICMP error about a packet that came out.
    void complain() {
        const Known* about = some(out_);
        if (about == nullptr) return anything();
        const auto view = view_of_frame(about->frame);
        if (!view) return;
        constexpr std::size_t kQuotes[] = {548, 28, 36, 27, 48, 20, 100, 1232};
        constexpr std::uint8_t kTypes4[] = {3, 11, 12, 4, 5}, kTypes6[] = {1, 2, 3, 4, 137};
        const std::uint8_t how = choices_.byte();
        const World& there = world(view->v4);
        Packet packet;
        packet.protocol = view->v4 ? kNumberIcmp : kNumberIcmp6;
        packet.from.address = how & 1   ? view->destination
                              : how & 2 ? choices_.of(there.clients)
                                        : choices_.of(there.servers);
        packet.to.address = view->source;
        packet.flags = view->v4 ? choices_.of(kTypes4) : choices_.of(kTypes6);
        packet.code = static_cast<std::uint8_t>(choices_.byte() % 6);
        packet.sequence = 1400;
        const Bytes quoted =
            about->datagram().first(std::min(choices_.of(kQuotes), about->datagram().size()));
        packet.payload.assign(quoted.begin(), quoted.end());
        if (how & 4 && !packet.payload.empty())
            packet.payload[choices_.byte() % packet.payload.size()] ^= choices_.byte();
        send(about->port, packet, how);
    }

    // The upper bits of `how`: more follow in this burst; there is something about this one.
    void send(PortIndex port, Packet& packet, std::uint8_t how) {
        if (port != port_) flush();
        packet.id = ++id_;
        const std::uint8_t special = how & 0x10 ? choices_.byte() : 0;
        if (special & 0x01) packet.bad_sum = true;
        if (special & 0x02) packet.no_sum = true;
        if (special & 0x04) packet.must_not_fragment = true;
        if (special & 0x08) packet.extras = static_cast<Extras>(1 + choices_.below(4));
        if (special & 0x10) packet.ttl = static_cast<std::uint8_t>(choices_.below(4));
        if (special & 0x20) packet.id = choices_.byte() & 3;
        const Frame transport = transport_of(packet);
        if (special & 0x40)
            fragments(port, packet, transport);
        else
            put(port, frame_of(packet, transport));
        if (special & 0x80) spoil();
        if (!(how & 0x08)) flush();
    }

    void put(PortIndex port, Frame frame) {
        if (burst_.size() == 32) flush();
        port_ = port;
        if (frame.size() > kLongest) frame.resize(kLongest);
        burst_.push_back(std::move(frame));
    }

    // Left out, twice, turned around or overlapping, as the input says.
    void fragments(PortIndex port, const Packet& packet, const Frame& transport) {
        constexpr std::size_t kPieces[] = {8, 16, 24, 64, 512, 1400};
        const std::size_t size = choices_.of(kPieces);
        const std::uint8_t order = choices_.byte();
        std::vector<Frame> pieces;
        for (std::size_t begin = 0; begin < transport.size() && pieces.size() < 12; begin += size)
            pieces.push_back(fragment_of(packet, transport, begin, size + (order & 0x20 ? 8 : 0)));
        if (order & 0x01) std::reverse(pieces.begin(), pieces.end());
        if (order & 0x02) std::rotate(pieces.begin(), pieces.begin() + 1, pieces.end());
        if (order & 0x04) pieces.push_back(pieces.front());
        if (order & 0x08) pieces.erase(pieces.begin());
        for (Frame& piece : pieces)
            put(port, std::move(piece));
    }

    // Bytes of the last frame, or its length.
    void spoil() {
        if (burst_.empty()) return;
        Frame& frame = burst_.back();
        const std::uint8_t how = choices_.byte();
        if (how & 0x80) frame.resize(how & 0x40 ? frame.size() + 1 : choices_.byte());
        for (int i = 0; i < (how & 7) && !frame.empty(); ++i) {
            const std::size_t at = choices_.byte() % frame.size();
            frame[at] = choices_.byte();
        }
    }

    void flush() {
        if (burst_.empty()) return;
        for (Box::Sent& sent : box_.pass(port_, burst_))
            out_.push_back({sent.port, std::move(sent.frame)});
        for (Frame& frame : burst_)
            in_.push_back({port_, std::move(frame)});
        burst_.clear();
        while (out_.size() > 16)
            out_.pop_front();
        while (in_.size() > 16)
            in_.pop_front();
    }

    Box& box_;
    Choices choices_;
    PortIndex port_ = 0;
    std::vector<Frame> burst_;
    std::deque<Known> in_, out_;
    std::uint16_t id_ = 100;
    int changes_ = 0;
};

}  // namespace
}  // namespace usher::fuzz

// libFuzzer's power schedule costs ten times what an input does, with this much to cover.
extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
    static std::vector<char*> all(*arguments, *arguments + *count);
    static char entropic[] = "-entropic=0", length[] = "-max_len=400";
    all.insert(all.begin() + 1, {entropic, length});  // later ones count
    all.push_back(nullptr);
    *count = static_cast<int>(all.size()) - 1;
    *arguments = all.data();
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static usher::fuzz::Box box;
    usher::fuzz::Run(box, {data, size}).all();
    box.finish();
    return 0;
}
