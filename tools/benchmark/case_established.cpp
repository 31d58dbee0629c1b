// SPDX-License-Identifier: BSD-3-Clause
// Packets of established flows, both directions mixed, in a random order over all of them.
#include <rte_hash.h>
#include <rte_hash_crc.h>

#include <fmt/core.h>
#include <bit>
#include <fstream>
#include <string>

#include "tools/benchmark/rig.hpp"

namespace usher::bench {

namespace {

constexpr std::uint32_t kLadder[] = {1000, 64512, 258048, 1032192, 4128768, 16515072};
constexpr std::uint32_t kQuickLadder[] = {1000, 64512};
constexpr std::uint64_t kPackets = 4'000'000;  // a round; long enough for every flow of 4 M

// A packet is of flow n, forth or back.
struct Draw {
    Order order;
    bool back = false;

    explicit Draw(std::uint32_t flows) : order(flows) {}
};

enum class Kind : std::uint8_t { udp, tcp, ipv6_udp };

constexpr const char* name_of(Kind kind) {
    return kind == Kind::udp ? "udp" : kind == Kind::tcp ? "tcp" : "ipv6 udp";
}

// One direction a burst, as packets come from one port. `Address` tells the family.
template <class Address, class Turn>
std::uint64_t play(Rig& rig, const Address& service, Draw& draw, const Header& header,
                   std::uint64_t count, Turn turn) {
    std::uint64_t done = 0;
    for (; done < count; done += Wheel::kBurst) {
        draw.back = !draw.back;
        const auto packets = rig.wheel().fill(header, [&](unsigned, std::uint8_t* frame) {
            const auto flow = client_flow(draw.order.next(), service, Be16::from_host(80));
            put_flow(frame, draw.back ? rig.answer(flow) : flow);
        });
        turn(packets, draw.back ? PortIndex{1} : PortIndex{0});
    }
    return done;
}

// Floor (b): DPDK's own lock-free table looked up in bulk, and 64 bytes of state touched.
class HashFloor {
  public:
    HashFloor(Rig& rig, std::uint32_t flows, std::uint8_t protocol)
        : protocol_(protocol), states_(std::size_t{2} * flows) {
        if (!fits(flows)) return;
        rte_hash_parameters parameters{};
        parameters.name = "floor";
        parameters.entries = entries(flows);
        parameters.key_len = sizeof(Key);
        parameters.hash_func = rte_hash_crc;
        parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF;
        hash_ = rte_hash_create(&parameters);
        for (std::uint32_t n = 0; hash_ != nullptr && n < flows; ++n) {
            const Flow4 flow = client_flow(n, rig.address(), Be16::from_host(80));
            for (const Flow4& each : {flow, rig.answer(flow)}) {
                const Key key = key_of(each);
                if (rte_hash_add_key(hash_, &key) < 0) complete_ = false;
            }
        }
    }
    ~HashFloor() { rte_hash_free(hash_); }
    HashFloor(const HashFloor&) = delete;
    HashFloor& operator=(const HashFloor&) = delete;

    // With all keys; a table that lacks some would be a lower floor.
    bool made() const { return hash_ != nullptr && complete_; }

    void turn(std::span<rte_mbuf*> packets) {
        Key keys[Wheel::kBurst];
        const void* pointers[Wheel::kBurst];
        std::int32_t positions[Wheel::kBurst];
        Headers headers;
        headers.l4 = kEthernetHeader + ipv4::kMinHeader;
        for (unsigned i = 0; i < packets.size(); ++i) {
            keys[i] = key_of(
                read_flow<Family::ipv4>(rte_pktmbuf_mtod(packets[i], std::uint8_t*), headers));
            pointers[i] = &keys[i];
        }
        rte_hash_lookup_bulk(hash_, pointers, static_cast<std::uint32_t>(packets.size()),
                             positions);
        for (unsigned i = 0; i < packets.size(); ++i)
            if (positions[i] >= 0)
                __builtin_prefetch(&states_[static_cast<std::size_t>(positions[i])], 1);
        for (unsigned i = 0; i < packets.size(); ++i)
            if (positions[i] >= 0) ++states_[static_cast<std::size_t>(positions[i])].touched;
    }

  private:
    struct Key {
        Flow4 flow;
        std::uint32_t protocol;
    };
    struct alignas(64) State {
        std::uint64_t touched = 0;
    };
    Key key_of(const Flow4& flow) const { return {flow, protocol_}; }
    static std::uint32_t entries(std::uint32_t flows) {
        return std::bit_ceil(flows * 2 + flows / 2);
    }
    // Into half of the memory that the machine has left.
    static bool fits(std::uint32_t flows) {
        constexpr std::size_t kBytesAnEntry = 56;  // key, bucket and free list of rte_hash
        const std::size_t bytes = entries(flows) * kBytesAnEntry + flows * 2 * sizeof(State);
        std::ifstream file("/proc/meminfo");
        std::string word;
        std::size_t kilobytes = 0;
        while (file >> word)
            if (word == "MemAvailable:") file >> kilobytes;
        return bytes < kilobytes * 1024 / 2;
    }

    const std::uint8_t protocol_;
    rte_hash* hash_ = nullptr;
    bool complete_ = true;
    MappedArray<State> states_;
};

void run_ladder_step(Report& report, const Settings& settings, std::uint32_t flows, Kind kind) {
    Rig::Setup setup;
    setup.table_bits = table_bits_for(flows);
    Rig rig(setup);
    const bool ipv6 = kind == Kind::ipv6_udp;
    const std::uint8_t protocol = kind == Kind::tcp ? 6 : 17;
    if (ipv6)
        rig.establish_ipv6(flows);
    else
        rig.establish(0, flows, protocol);
    const Header header = ipv6 ? make_ipv6_header() : make_header({}, {protocol, kAck});
    const std::uint64_t count = settings.quick ? kPackets / 8 : kPackets;
    Draw draw(flows);
    const auto figure = [&](auto turn) {
        const auto play_some = [&](std::uint64_t packets) {
            return ipv6 ? play(rig, rig.ipv6_address(), draw, header, packets, turn)
                        : play(rig, rig.address(), draw, header, packets, turn);
        };
        play_some(count / 4);  // warm
        return measure(settings.repeats, [&] { return play_some(count); });
    };

    const Figure generator = figure([](std::span<rte_mbuf*>, PortIndex) {});
    const Figure mac_swap = figure(Rig::swap_macs);
    Row row;
    row.name = fmt::format("established {} {}", name_of(kind), flows);
    row.unit = "packet";
    row.generator = generator.median;
    row.mac_swap = mac_swap.median;
    const std::uint64_t before = rig.sent();
    std::uint64_t played = 0;
    Rig::Clock clock = rig.clock();
    row.total = figure([&](std::span<rte_mbuf*> packets, PortIndex port) {
        rig.turn(packets, port, 0, clock.now());
        played += packets.size();
    });
    row.lost = played - (rig.sent() - before);
    if (kind != Kind::ipv6_udp) {
        HashFloor floor(rig, flows, protocol);
        if (floor.made())
            row.rte_hash = figure([&](std::span<rte_mbuf*> packets, PortIndex) {
                               floor.turn(packets);
                           }).median;
    }
    report.add(row);
}

}  // namespace

unsigned table_bits_for(std::uint32_t flows) {
    unsigned bits = 20;
    while ((std::uint64_t{1} << bits) * 7 / 10 < flows)
        ++bits;
    return bits;
}

void run_established(Report& report, const Settings& settings) {
    std::vector<std::uint32_t> ladder(std::begin(kLadder), std::end(kLadder));
    if (settings.quick) ladder.assign(std::begin(kQuickLadder), std::end(kQuickLadder));
    if (settings.flows != 0) ladder = {settings.flows};
    for (const Kind kind : {Kind::udp, Kind::tcp, Kind::ipv6_udp})
        for (const std::uint32_t flows : ladder)
            run_ladder_step(report, settings, flows, kind);
}

}  // namespace usher::bench
