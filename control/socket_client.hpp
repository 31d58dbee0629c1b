// SPDX-License-Identifier: BSD-3-Clause
// One client of the control socket (socket_server.hpp): its buffers, and when it has to go.
// Non-blocking; control thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "control/event_loop.hpp"
#include "control/socket_server.hpp"

namespace usher {

class SocketServer::Client {
  public:
    using Clock = std::chrono::steady_clock;

    Client(UniqueFd fd, const SocketLimits& limits, bool is_root)
        : fd_(std::move(fd)), limits_(limits), is_root_(is_root) {}

    // One turn: reads some, answers at most one line, writes what the socket takes.
    void turn(const OnLine& on_line);
    // What to wait for before the next turn (EPOLLIN, EPOLLOUT).
    std::uint32_t interest() const;
    bool finished() const { return broken_ || (closing_ && pending() == 0); }

    bool is_root() const { return is_root_; }
    // With nothing asked and nothing to fetch, and since when.
    bool is_idle() const { return wait_ == Wait::nothing; }
    Clock::time_point since() const { return since_; }
    // Whether an unfinished line, or a reply that nobody fetches, is older than the limit.
    bool late(Clock::time_point now) const;
    void say_late();

  private:
    void read_some();
    void answer_one(const OnLine& on_line);
    void write_some();
    void refuse(std::string_view why);  // and close, once that was sent
    bool find_line();                   // a whole line is there: it ends at scanned_
    void note_wait();
    std::size_t pending() const { return out_.size() - sent_; }

    UniqueFd fd_;
    const SocketLimits& limits_;
    const bool is_root_;
    std::string in_;
    std::size_t begin_ = 0;    // of the first line not answered
    std::size_t scanned_ = 0;  // no LF in in_ from begin_ to here
    std::string out_;
    std::size_t sent_ = 0;
    bool end_of_input_ = false;
    bool closing_ = false;  // when out_ is sent
    bool broken_ = false;   // at once

    enum class Wait { nothing, rest_of_line, reader };
    Wait wait_ = Wait::nothing;
    std::size_t waiting_at_ = 0;  // lines answered, or bytes sent: whether anything moved
    std::size_t answered_ = 0;
    Clock::time_point since_ = Clock::now();
};

}  // namespace usher
