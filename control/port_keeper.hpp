// SPDX-License-Identifier: BSD-3-Clause
// Interfaces that go and come while usherd runs. Linux says so over netlink; the others go on.
// Control thread.
//
// Worked example. ext0 is a veth, and its other end is deleted:
//   the workers stop for a moment, and start again without ext0; its DPDK port is closed; `usher
//   port` shows it as gone. Connections stay in the table.
//   An ext0 appears, perhaps with another number and MAC address: it is opened while it is still
//   down, so that the kernel sees no packet of ours; the workers stop for a moment and have it.
// So it is when its XDP program is taken off, and when it gets another number of queues (ethtool
// -L), but for more than it was started with: the packet pool has no buffers for these. While
// another program is in the place of ours it stays closed, and the log says so.
// An interface that is set down, renamed or given another MTU stays open: there is nothing to do
// but to say it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "control/running_director.hpp"
#include "dataplane/forwarding_threads.hpp"

namespace usher {

class PortKeeper {
  public:
    struct Parts {
        std::vector<Port>& ports;
        ForwardingThreads& threads;
        RunningDirector& director;
        const KernelMirror& kernel;
        std::function<Result<Steering>(PortIndex)> steer;  // of a port that is open
    };
    explicit PortKeeper(Parts parts);

    void look();  // after each news of the kernel's
    // What could not be opened again is tried once more; what Linux sends no news of is looked at.
    void on_second();

  private:
    // As it was when we last looked; a port that is not the kernel's has no name.
    struct Known {
        std::string name;
        bool up = true;
        std::uint32_t mtu = 0;
        std::uint32_t queues = 0;       // that it receives by
        std::uint32_t most_queues = 0;  // that there are packet buffers for
        std::string trouble;            // why it is not open, as logged
        bool again = true;  // may be tried: a second has passed, or the link has changed
        KernelLink tried;   // as it was then
    };
    void watch(PortIndex index);
    void note_changes(PortIndex index, const KernelLink& link);
    void watch_queues(PortIndex index);
    void lose(PortIndex index, const std::string& why);
    void try_again(PortIndex index);
    template <class Change>
    void with_workers_stopped(const std::string& why, PortIndex index, Change change);

    Parts parts_;
    std::vector<Known> known_;
};

}  // namespace usher
