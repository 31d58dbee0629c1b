// SPDX-License-Identifier: BSD-3-Clause
// tools/in_process.hpp with wires: frames in, and what the worker sends caught in rings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/packets/packet_text.hpp"
#include "tools/in_process.hpp"

namespace usher::test {

class InProcess {
  public:
    // Of the options, ports and VLANs are its own.
    explicit InProcess(DirectorInProcess::Options options = {});
    explicit InProcess(unsigned table_bits) : InProcess(with_table(table_bits)) {}
    ~InProcess();

    std::string request(std::string_view line) { return box_->request(line); }

    // Puts the frames through the worker, in bursts of `burst`. What comes out, in order of port.
    struct Sent {
        PortIndex port;
        Frame frame;
    };
    std::vector<Sent> pass(PortIndex port, const std::vector<Frame>& frames, unsigned burst);

    // One burst of packets as they are.
    std::vector<Sent> pass(PortIndex port, const std::vector<rte_mbuf*>& packets);

    // Lets time go by and the sweeper see all of the table.
    void wait(std::uint32_t seconds);

    std::uint64_t dropped(Drop reason) const;
    Worker& worker() { return box_->worker(); }
    RunningDirector& director() { return box_->director(); }
    std::size_t packets_in_use() const;  // mbufs that are not in the pool

  private:
    void process(PortIndex port, const std::vector<rte_mbuf*>& packets);
    std::vector<Sent> caught();
    static DirectorInProcess::Options with_table(unsigned bits) {
        DirectorInProcess::Options options;
        options.table_bits = bits;
        return options;
    }

    rte_ring* wires_[2];
    std::unique_ptr<DirectorInProcess> box_;
};

}  // namespace usher::test
