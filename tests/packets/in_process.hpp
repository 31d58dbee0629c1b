// SPDX-License-Identifier: BSD-3-Clause
// The shipped director without devices: real commands in, real packets through a real worker, a
// clock that the caller moves. Two interfaces, "ext" (port 0) and "int" (port 1); what the worker
// sends is caught in a ring.
//
// Addresses: ext has 198.51.100.1/24 and the default route by 198.51.100.254, int has 10.0.0.1/24.
// 198.51.100.2 to .9 and .254, and 10.0.0.100 to .199, are neighbours with a MAC address.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/running_director.hpp"
#include "tests/packets/packet_text.hpp"

namespace usher::test {

class InProcess {
  public:
    explicit InProcess(unsigned table_bits = 10);
    ~InProcess();

    // A line of docs/protocol.md; the reply's line.
    std::string request(std::string_view line);

    // Puts the frames through the worker, in bursts of `burst`. What comes out, in order of port.
    struct Sent {
        PortIndex port;
        Frame frame;
    };
    std::vector<Sent> pass(PortIndex port, const std::vector<Frame>& frames, unsigned burst);

    // Lets time go by and the sweeper see all of the table.
    void wait(std::uint32_t seconds);

    std::uint64_t dropped(Drop reason) const;
    Worker& worker() { return *worker_; }
    RunningDirector& director() { return *director_; }
    DataPlane& plane() { return *plane_; }
    std::size_t packets_in_use() const;  // mbufs that are not in the pool

  private:
    std::unique_ptr<DataPlane> plane_;
    std::unique_ptr<Worker> worker_;
    std::unique_ptr<RunningDirector> director_;
    rte_ring* wires_[2];
    Ticks now_ = 1000;
};

}  // namespace usher::test
