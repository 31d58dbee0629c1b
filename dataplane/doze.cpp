// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/doze.hpp"

#include <rte_cycles.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <stdexcept>

namespace usher {

Doze::Doze()
    : bell_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      patience_(rte_get_tsc_hz() / 1'000'000 * static_cast<std::uint64_t>(kPatience.count())) {
    if (!bell_) throw std::runtime_error("no descriptor left to wake a worker with");
    watch({}, false);
}

void Doze::watch(const std::vector<int>& sockets, bool complete) {
    watched_.assign(1, {bell_.get(), POLLIN, 0});
    for (const int socket : sockets)
        watched_.push_back({socket, POLLIN, 0});
    complete_ = complete;
}

void Doze::ring() {
    const std::uint64_t one = 1;
    // It can only be full of rings that were not heard yet.
    [[maybe_unused]] const ssize_t rung = write(bell_.get(), &one, sizeof one);
}

void Doze::wait(Depth depth) {
    const auto pause = !complete_ ? pause_ : depth == Depth::deep ? kLong : kLight;
    pause_ = std::min(pause_ * 2, kShort);
    const timespec timeout{0, static_cast<long>(pause.count()) * 1000};
    if (ppoll(watched_.data(), watched_.size(), &timeout, nullptr) <= 0) return;
    std::uint64_t rings = 0;
    if (watched_.front().revents != 0) [[maybe_unused]]
        const ssize_t heard = read(bell_.get(), &rings, sizeof rings);
    // A socket whose interface is gone is always ready, and would keep us awake.
    for (pollfd& each : watched_)
        if (each.revents & (POLLERR | POLLHUP | POLLNVAL)) each.fd = -1;
}

}  // namespace usher
