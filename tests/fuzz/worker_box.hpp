// SPDX-License-Identifier: BSD-3-Clause
// The worker of fuzz_worker with two wires: every packet that comes out is checked against the one
// that it was made from, which is told by a mark in the mbuf's headroom; and after each input
// everything must come to its end, so that the next one finds the worker as the first one did.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "tests/fuzz/worker_checks.hpp"
#include "tools/in_process.hpp"

struct rte_ring;

namespace usher::fuzz {

class Box {
  public:
    Box();
    ~Box();
    Box(const Box&) = delete;
    Box& operator=(const Box&) = delete;

    // What came out, in order.
    struct Sent {
        PortIndex port = 0;
        Frame frame;
    };

    // One burst, of at most 32. Returns what it made come out.
    std::vector<Sent> pass(PortIndex port, const std::vector<Frame>& frames);
    // Lets time go by, in ticks; `sweep`: the sweeper sees all of the table.
    void wait(std::uint32_t ticks, bool sweep);
    void change(std::string_view line);

    // The end of an input: looks whether counts and table agree, lets everything expire, looks
    // whether nothing is left, and takes back what the input configured.
    void finish();

  private:
    void configure();
    void take_back();
    void end_all();
    void check_table();
    void check_empty();
    void check_ports();
    void check_room();
    std::vector<Sent> take();

    rte_ring* wires_[2];
    std::unique_ptr<DirectorInProcess> director_;
    std::vector<Injected> injected_;  // of this input
    Pieces pieces_;                   // of this input
    std::uint64_t first_mark_ = 1;    // of injected_[0]; grows, so an old mark is known as such
    DesiredState first_;
    bool changed_ = false;
    bool others_ = false;  // Injected's
    std::uint64_t inputs_ = 0;
};

}  // namespace usher::fuzz
