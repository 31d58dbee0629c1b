// SPDX-License-Identifier: BSD-3-Clause
#include "control/port_keeper.hpp"

#include <fmt/format.h>

#include <chrono>

#include "control/log.hpp"
#include "dataplane/kernel_interface.hpp"

namespace usher {

PortKeeper::PortKeeper(Parts parts) : parts_(std::move(parts)), known_(parts_.ports.size()) {
    const KernelNetwork& kernel = parts_.kernel.network();
    for (std::size_t i = 0; i < known_.size(); ++i) {
        const auto link = kernel.links.find(parts_.ports[i].ifindex());
        if (!parts_.ports[i].is_af_xdp() || link == kernel.links.end()) continue;
        known_[i].name = link->second.name;
        known_[i].up = link->second.up;
        known_[i].mtu = link->second.mtu;
        known_[i].queues = known_[i].most_queues = parts_.ports[i].rx_queues();
    }
}

void PortKeeper::look() {
    for (std::size_t i = 0; i < known_.size(); ++i)
        if (parts_.ports[i].is_af_xdp()) watch(static_cast<PortIndex>(i));
}

void PortKeeper::on_second() {
    for (Known& known : known_)
        known.again = true;
    look();
    for (std::size_t i = 0; i < known_.size(); ++i)
        if (parts_.ports[i].is_af_xdp() && parts_.ports[i].is_open())
            watch_queues(static_cast<PortIndex>(i));
}

void PortKeeper::watch(PortIndex index) {
    const Port& port = parts_.ports[index];
    if (!port.is_open()) return try_again(index);
    const auto& links = parts_.kernel.network().links;
    const auto link = links.find(port.ifindex());
    // Moved away and back, it is there as before, but its sockets are not bound to it any more.
    if (link == links.end() || port.is_lost()) {
        lose(index, "gone, the others go on");
        return try_again(index);
    }
    if (const Port::Program program = port.program(); program != Port::Program::ours) {
        lose(index, program == Port::Program::none
                        ? "somebody has taken its XDP program off, without which nothing comes"
                        : "somebody has put another XDP program in the place of ours");
        return try_again(index);
    }
    note_changes(index, link->second);
}

void PortKeeper::note_changes(PortIndex index, const KernelLink& link) {
    Known& known = known_[index];
    const std::string& name = parts_.ports[index].interface();
    if (link.name != known.name)
        log_notice("{}: Linux calls it {} now; it goes on, but the next start wants the new name",
                   name, link.name);
    if (link.up != known.up) log_notice("{}: {}", name, link.up ? "up again" : "set down");
    if (link.mtu != known.mtu && link.mtu > kMaxMtu)
        log_warning(
            "{0}: its MTU is {1} now; packets of more than {2} bytes that come in there "
            "are lost: ip link set {3} mtu {2}",
            name, link.mtu, kMaxMtu, link.name);
    else if (link.mtu != known.mtu)
        log_notice("{}: its MTU is {} now", name, link.mtu);
    known.name = link.name;
    known.up = link.up;
    known.mtu = link.mtu;
}

// By queues that we have not opened packets come that Linux gets; by those that have gone nothing
// is sent.
void PortKeeper::watch_queues(PortIndex index) {
    const Port& port = parts_.ports[index];
    Known& known = known_[index];
    const auto now = kernel_interface(known.name);
    if (!now || now->ifindex != port.ifindex() || now->queues == known.queues) return;
    known.queues = now->queues;
    if (now->queues == port.rx_queues())
        return log_notice("{}: it receives by {} queues again", port.interface(), now->queues);
    const bool is_served = now->queues <= known.most_queues && known.name == port.interface() &&
                           check_queues(known.name, *now, port.queues_wanted());
    if (!is_served)
        return log_warning(
            "{0}: it has {1} receive queues now and is served with {2}: what comes by others is "
            "left "
            "to Linux; ethtool -L {0} {3} {2}, or restart usherd",
            known.name, now->queues, port.rx_queues(), now->combined ? "combined" : "rx");
    lose(index, fmt::format("it has {} receive queues now, and is opened anew", now->queues));
    try_again(index);
}

template <class Change>
void PortKeeper::with_workers_stopped(const std::string& why, PortIndex index, Change change) {
    using Clock = std::chrono::steady_clock;
    const auto from = Clock::now();
    parts_.threads.stop();
    change();
    parts_.threads.start();
    const auto stood = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - from);
    log_notice("{}: {}; the workers stood still for {} us", parts_.ports[index].interface(), why,
               stood.count());
}

void PortKeeper::lose(PortIndex index, const std::string& why) {
    Port& port = parts_.ports[index];
    with_workers_stopped(why, index, [&] { parts_.threads.disconnect(index); });
    port.close();
    parts_.director.lose_port(index);
    known_[index].again = true;
    known_[index].trouble.clear();
}

void PortKeeper::try_again(PortIndex index) {
    Port& port = parts_.ports[index];
    Known& known = known_[index];
    const KernelLink* link = parts_.kernel.network().link(port.interface());
    if (link == nullptr || (!known.again && *link == known.tried)) return;
    known.again = false;
    known.tried = *link;
    auto steering = port.reopen().and_then([&] { return parts_.steer(index); });
    if (!steering) {
        if (steering.error().message != known.trouble)
            log_error("{}: not opened again: {}", port.interface(), steering.error().message);
        known.trouble = steering.error().message;
        return port.close();
    }
    known.name = link->name;
    known.up = link->up;
    known.mtu = link->mtu;
    known.queues = port.rx_queues();
    if (!port.note().empty()) log_notice("{}", port.note());
    with_workers_stopped("here again", index, [&] { parts_.threads.connect(index, port); });
    parts_.director.replace_port(index, std::move(*steering));
}

}  // namespace usher
