// SPDX-License-Identifier: BSD-3-Clause
#include "control/event_loop.hpp"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace usher {
namespace {

tl::unexpected<Error> system_error(const char* what) {
    return fail(Errc::unavailable, std::string(what) + ": " + std::strerror(errno));
}

timespec as_timespec(std::chrono::milliseconds period) {
    const auto ms = std::max<std::chrono::milliseconds::rep>(period.count(), 1);
    return {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
}

}  // namespace

Result<EventLoop> EventLoop::make() {
    UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return system_error("epoll_create1");
    return EventLoop(std::move(epoll));
}

Result<void> EventLoop::add(int fd, std::uint32_t events, OnReady ready) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return system_error("epoll_ctl");
    ready_[fd] = std::make_shared<OnReady>(std::move(ready));
    return {};
}

void EventLoop::change(int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::remove(int fd) {
    if (ready_.erase(fd) == 0) return;
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    removed_.push_back(fd);
}

Result<EventLoop::TimerId> EventLoop::every(std::chrono::milliseconds period, OnTimer timer) {
    UniqueFd fd(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    if (!fd) return system_error("timerfd_create");
    const itimerspec spec{.it_interval = as_timespec(period), .it_value = as_timespec(period)};
    if (timerfd_settime(fd.get(), 0, &spec, nullptr) != 0) return system_error("timerfd_settime");
    const int id = fd.get();
    const auto added = add(id, EPOLLIN, [id, timer = std::move(timer)](std::uint32_t) {
        std::uint64_t times = 0;
        if (read(id, &times, sizeof times) == sizeof times) timer();
    });
    if (!added) return tl::unexpected<Error>(added.error());
    owned_[id] = std::move(fd);
    return id;
}

void EventLoop::cancel(TimerId timer) {
    remove(timer);
    owned_.erase(timer);
}

Result<void> EventLoop::on_signals(const std::vector<int>& signals, OnSignal received) {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : signals)
        sigaddset(&set, signal);
    if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return system_error("pthread_sigmask");
    UniqueFd fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!fd) return system_error("signalfd");
    const int id = fd.get();
    auto added = add(id, EPOLLIN, [id, received = std::move(received)](std::uint32_t) {
        signalfd_siginfo info{};
        while (read(id, &info, sizeof info) == sizeof info)
            received(static_cast<int>(info.ssi_signo));
    });
    if (!added) return added;
    owned_[id] = std::move(fd);
    return {};
}

void EventLoop::run() {
    stopping_ = false;
    while (!stopping_)
        run_once(std::chrono::milliseconds(-1));
}

void EventLoop::run_once(std::chrono::milliseconds timeout) {
    std::array<epoll_event, 64> events;
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                 static_cast<int>(timeout.count()));
    removed_.clear();
    for (int i = 0; i < count; ++i)
        dispatch(events[i].data.fd, events[i].events);
}

void EventLoop::dispatch(int fd, std::uint32_t events) {
    // An event read before its descriptor was removed is not for the one that got its number.
    if (std::find(removed_.begin(), removed_.end(), fd) != removed_.end()) return;
    const auto found = ready_.find(fd);
    if (found == ready_.end()) return;
    const std::shared_ptr<OnReady> ready = found->second;
    (*ready)(events);
}

}  // namespace usher
