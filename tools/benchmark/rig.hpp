// SPDX-License-Identifier: BSD-3-Clause
// The shipped worker on a bench: ready-made packets in, a sink behind it, and the control thread's
// part done in between. The wiring is tools/in_process.hpp's.
#pragma once

#include <memory>

#include "tools/benchmark/measure.hpp"
#include "tools/benchmark/sink.hpp"
#include "tools/benchmark/traffic.hpp"
#include "tools/in_process.hpp"

namespace usher::bench {

inline constexpr unsigned kPoolPackets = 16384;
// Room for DPDK's hash table with the keys of 16.5 million flows, and for what net_pcap keeps.
inline constexpr std::size_t kOtherBytes = std::size_t{4} << 30;

class Rig {
  public:
    struct Setup {
        unsigned table_bits = 20;
        unsigned workers = 1;
        unsigned servers = 1;  // 10.0.0.100 and on
        std::string scheduler = "rr";
        unsigned weight = 1;    // of each server
        unsigned services = 0;  // more services than the one, on other addresses
        unsigned ports = 0;     // more ports on the address of the one
    };
    explicit Rig(const Setup& setup);
    ~Rig() { box_->worker().stop(); }
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;

    // What usherd's loop does with a burst that came in. Of a worker that is on line.
    void turn(std::span<rte_mbuf*> packets, PortIndex port, unsigned worker, Ticks now) {
        Worker& w = box_->worker(worker);
        w.process(packets, port, now);
        w.upkeep(now);
        w.transmit().flush();
        w.quiescent();
    }
    void turn(std::span<rte_mbuf*> packets, PortIndex port) { turn(packets, port, 0, box_->now); }

    // In the place of a worker: floor (a).
    static void swap_macs(std::span<rte_mbuf*> packets, PortIndex port);

    // Worker 0 is on line but for the time of a publication by the same thread. Others are while
    // their threads run.
    void publish(DesiredState state);
    // The time of a worker goes by as it does in usherd.
    class Clock {
      public:
        explicit Clock(Ticks now) : now_(now) {}
        Ticks now() {
            if (rte_rdtsc() >= next_) {
                next_ += a_tick_;
                ++now_;
            }
            return now_;
        }

      private:
        const std::uint64_t a_tick_ = rte_get_tsc_hz() / kTicksPerSecond;
        std::uint64_t next_ = rte_rdtsc() + a_tick_;
        Ticks now_;
    };
    Clock clock() const { return Clock(box_->now); }

    DirectorInProcess& box() { return *box_; }
    Wheel& wheel(unsigned worker = 0) { return *wheels_[worker]; }
    // By every worker to port 0 (answers) and port 1.
    std::uint64_t sent(PortIndex port) const;
    std::uint64_t sent() const { return sent(0) + sent(1); }

    // Turns of made-up packets: count of them, in bursts of one direction each. `flow(i)` is called
    // for each packet; what turn() makes of the burst is the caller's.
    template <class FlowOf, class Turn>
    void play(std::uint64_t count, const Header& header, PortIndex port, FlowOf flow, Turn turn,
              unsigned worker = 0) {
        for (std::uint64_t done = 0; done < count; done += Wheel::kBurst)
            turn(wheel(worker).fill(
                     header, [&](unsigned, std::uint8_t* frame) { put_flow(frame, flow()); }),
                 port);
    }

    // `count` established TCP connections of clients first, first + 1, ...
    void establish(std::uint32_t first, std::uint32_t count, std::uint8_t protocol);
    // What the sweeper would do in its time, at once.
    void expire(std::uint32_t after_seconds) {
        box_->now += seconds(after_seconds);
        box_->worker().sweep_all(box_->now);
        box_->worker().quiescent();
        box_->worker().upkeep(box_->now);  // what that retired is free now
    }
    // Leaves `timeout` seconds behind, and a second more; then all that nobody used is over.
    void wait(std::uint32_t timeout) {
        box_->now += seconds(timeout - 1);
        pass_second();  // whose time has not come is known from now on
        box_->now += seconds(1);
    }
    // A second as usherd spends it when nothing comes: upkeep at each tick.
    void pass_second() {
        for (Ticks tick = 0; tick < kTicksPerSecond; ++tick) {
            ++box_->now;
            do {
                box_->worker().upkeep(box_->now);
                box_->worker().quiescent();
            } while (!box_->worker().is_at_rest());
        }
    }
    void set_timeouts(const Timeouts& timeouts);

    void establish_ipv6(std::uint32_t count);  // UDP; of clients 0, 1, ...

    // The service, and the answer's flow of a client's flow when it has one server.
    Be32 address() const { return address_; }
    const AddressOf<Family::ipv6>& ipv6_address() const { return ipv6_address_; }
    Flow6 answer(const Flow6& client) const {
        return {ipv6_server_, client.source, client.destination_port, client.source_port};
    }
    Flow4 answer(const Flow4& client) const {
        return {server_, client.source, client.destination_port, client.source_port};
    }

  private:
    void configure(const Setup& setup);

    const Be32 address_;
    const Be32 server_;
    const AddressOf<Family::ipv6> ipv6_address_, ipv6_server_;
    std::vector<std::unique_ptr<Sink>> sinks_;  // two a worker
    std::unique_ptr<DirectorInProcess> box_;
    std::vector<std::unique_ptr<Wheel>> wheels_;
};

// The cases, one file each.
unsigned table_bits_for(std::uint32_t flows);  // at most 70 % full, 20 at least
void run_established(Report& report, const Settings& settings);
void run_connect(Report& report, const Settings& settings);
void run_services(Report& report, const Settings& settings);
void run_servers(Report& report, const Settings& settings);
void run_churn(Report& report, const Settings& settings);
void run_flood(Report& report, const Settings& settings);
void run_two_workers(Report& report, const Settings& settings);
void run_memory(Report& report, const Settings& settings);
void run_pcap(Report& report, const Settings& settings);
void run_wire(Report& report, const Settings& settings);
void run_stages(Report& report, const Settings& settings);

}  // namespace usher::bench
