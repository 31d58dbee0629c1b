// SPDX-License-Identifier: BSD-3-Clause
// The control thread's loop: file descriptors, timers and signals, each with a function to call.
// One thread only, and everything is called on it, so what the functions touch needs no locks.
// A function may add and remove anything, itself included, at any time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "conf/result.hpp"
#include "nat/unique_fd.hpp"

namespace usher {

class EventLoop {
  public:
    using OnReady = std::function<void(std::uint32_t events)>;  // EPOLLIN | EPOLLOUT | ...
    using OnTimer = std::function<void()>;
    using OnSignal = std::function<void(int signal)>;
    using TimerId = int;

    // EIO when the kernel gives no epoll descriptor.
    static Result<EventLoop> make();

    // Level-triggered. The descriptor stays the caller's; remove() it before it is closed.
    Result<void> add(int fd, std::uint32_t events, OnReady ready);
    void change(int fd, std::uint32_t events);
    void remove(int fd);

    // Calls `timer` every `period` (at least 1 ms); a loop that was late calls it once, not often.
    Result<TimerId> every(std::chrono::milliseconds period, OnTimer timer);
    void cancel(TimerId timer);

    // Blocks `signals` in this thread (do it before other threads start, they inherit the mask)
    // and calls `received` for each. The loop keeps the descriptor.
    Result<void> on_signals(const std::vector<int>& signals, OnSignal received);

    // Until stop(). run_once() waits at most `timeout` and calls what is ready.
    void run();
    void run_once(std::chrono::milliseconds timeout);
    void stop() { stopping_ = true; }

  private:
    explicit EventLoop(UniqueFd epoll) : epoll_(std::move(epoll)) {}
    void dispatch(int fd, std::uint32_t events);

    UniqueFd epoll_;
    // Shared, so that a function survives the call in which it removes itself.
    std::map<int, std::shared_ptr<OnReady>> ready_;
    std::map<int, UniqueFd> owned_;  // timerfds and signalfds
    std::vector<int> removed_;       // since the events in hand were read: theirs are stale
    bool stopping_ = false;
};

}  // namespace usher
