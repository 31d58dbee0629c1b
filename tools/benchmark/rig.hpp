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

class Rig {
  public:
    struct Setup {
        unsigned table_bits = 20;
        unsigned workers = 1;
        unsigned servers = 1;  // 10.0.0.100 and on
        std::string scheduler = "rr";
        unsigned services = 0;  // more services than the one, on other addresses
        unsigned ports = 0;     // more ports on the address of the one
    };
    explicit Rig(const Setup& setup);

    // What usherd's loop does with a burst that came in.
    void turn(std::span<rte_mbuf*> packets, PortIndex port, unsigned worker = 0) {
        Worker& w = box_->worker(worker);
        w.process(packets, port, box_->now);
        w.upkeep(box_->now);
        w.transmit().flush();
    }

    DirectorInProcess& box() { return *box_; }
    Wheel& wheel(unsigned worker = 0) { return *wheels_[worker]; }
    std::uint64_t sent() const { return ext_.packets() + int_.packets(); }

    // The service, and the answer's flow of a client's flow when it has one server.
    Be32 address() const { return address_; }
    Flow4 answer(const Flow4& client) const {
        return {server_, client.source, client.destination_port, client.source_port};
    }

  private:
    void configure(const Setup& setup);

    const Be32 address_;
    const Be32 server_;
    Sink ext_, int_;
    std::unique_ptr<DirectorInProcess> box_;
    std::vector<std::unique_ptr<Wheel>> wheels_;
};

// The cases, one file each.
void run_established(Report& report, const Settings& settings);
void run_connect(Report& report, const Settings& settings);
void run_admission(Report& report, const Settings& settings);
void run_publish(Report& report, const Settings& settings);
void run_flood(Report& report, const Settings& settings);
void run_two_workers(Report& report, const Settings& settings);
void run_memory(Report& report, const Settings& settings);

}  // namespace usher::bench
