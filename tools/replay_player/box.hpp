// SPDX-License-Identifier: BSD-3-Clause
// The director's box between the simulated clients and real servers: the shipped workers and
// commands (tools/in_process.hpp), and the box's kernel, which has every packet that Usher does not
// take. Commands go in as words of a command line, packets as frames.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/cli/ipvsadm.hpp"
#include "tools/in_process.hpp"
#include "tools/replay_player/catcher.hpp"
#include "tools/replay_player/frame.hpp"

namespace usher::replay {

enum class Side : std::uint8_t { clients, servers };  // also the worker's port

struct CommandOutput {
    int exit_code = 0;
    std::string out;
    std::string err;
};

class Box {
  public:
    explicit Box(unsigned workers);
    ~Box();

    CommandOutput ipvsadm(const std::vector<std::string>& words, const std::string& input = "");
    CommandOutput usher(const std::vector<std::string>& words);
    Result<std::vector<ServiceRow>> services();
    Result<std::vector<ConnectionRow>> connections();

    std::vector<MarkRule> marks() const { return box_->director().desired().marks; }
    Result<void> set_marks(std::vector<MarkRule> marks);

    struct Sent {
        Side to;
        Frame frame;
    };
    std::vector<Sent> pass(Side from, const Frame& frame);

    // Time goes on to `now`, and the workers' sweepers see all of their tables.
    void set_clock(Ticks now);

  private:
    class InProcessDaemon;

    bool is_ushers(const Frame& frame) const;
    std::vector<Sent> through_worker(unsigned worker, Side from, const Frame& frame);
    static std::vector<Sent> through_kernel(Side from, const Frame& frame);
    std::uint64_t left_to_kernel(unsigned worker) const;

    std::vector<std::unique_ptr<Catcher>> catchers_;  // two a worker, by Side
    std::unique_ptr<DirectorInProcess> box_;
    unsigned turn_ = 0;  // which worker gets the next packet
};

}  // namespace usher::replay
