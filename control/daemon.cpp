// SPDX-License-Identifier: BSD-3-Clause
#include "control/daemon.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <optional>

#include "control/commands.hpp"
#include "control/daemon_config.hpp"
#include "control/event_loop.hpp"
#include "control/exceptions.hpp"
#include "control/log.hpp"
#include "control/machine_check.hpp"
#include "control/port_keeper.hpp"
#include "control/port_layout.hpp"
#include "control/running_director.hpp"
#include "control/service_manager.hpp"
#include "control/socket_server.hpp"
#include "dataplane/eal.hpp"
#include "dataplane/forwarding_threads.hpp"
#include "dataplane/kernel_interface.hpp"
#include "dataplane/privileges.hpp"
#include "dataplane/vlan_offload.hpp"

namespace usher {

namespace {

constexpr std::chrono::milliseconds kHousekeeping{10};
constexpr std::chrono::milliseconds kLinks{100};

HashSeed random_seed() {
    HashSeed seed{};
    // Cannot fail for so few bytes once the kernel has booted (getrandom(2)).
    static_cast<void>(getrandom(&seed, sizeof seed, 0));
    return seed;
}

unsigned packet_buffers(const Config& config) {
    unsigned sum = 0;
    for (const InterfaceConfig& interface : config.interfaces) {
        const auto kernel = kernel_interface(interface.name);
        sum += packet_buffers(interface, kernel ? kernel->queues : 0);
    }
    return sum;
}

PacketLayout packet_layout(const Config& config) {
    for (const InterfaceConfig& interface : config.interfaces)
        if (interface.attach == AttachKind::af_xdp) return PacketLayout::own_page;
    return PacketLayout::dense;
}

XdpPlace place(XdpMode mode) {
    switch (mode) {
        case XdpMode::native:
            return XdpPlace::native;
        case XdpMode::generic:
            return XdpPlace::generic;
        case XdpMode::automatic:
            break;
    }
    return XdpPlace::automatic;
}

Copying copying(ZeroCopy zero_copy) {
    switch (zero_copy) {
        case ZeroCopy::on:
            return Copying::never;
        case ZeroCopy::off:
            return Copying::always;
        case ZeroCopy::automatic:
            break;
    }
    return Copying::automatic;
}

tl::unexpected<Error> no_hugepages(unsigned packets) {
    constexpr std::size_t kHugepage = 2 * 1024 * 1024;
    return fail(Errc::no_space,
                fmt::format("attach = \"pci\" needs hugepages of 2 MiB, and there are too few: "
                            "echo {} > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
                            hugepage_bytes(packets) / kHugepage + 1));
}

Result<std::vector<Port>> open_ports(const Config& config, std::size_t workers, rte_mempool* pool) {
    std::vector<Port> ports;
    for (const InterfaceConfig& interface : config.interfaces) {
        PortConfig wanted;
        wanted.interface = interface.name;
        wanted.device = interface.attach == AttachKind::pci ? interface.pci : interface.device;
        wanted.on_pci_bus = interface.attach == AttachKind::pci;
        wanted.for_linux_too = !interface.exception_name().empty();
        wanted.rx_queues = static_cast<std::uint16_t>(workers);
        wanted.tx_queues = static_cast<std::uint16_t>(workers);
        wanted.queues = static_cast<std::uint16_t>(interface.queues);
        wanted.xdp = place(interface.xdp);
        wanted.copying = copying(interface.zero_copy);
        auto port = Port::open(wanted, pool);
        if (!port) return tl::unexpected(port.error());
        if (!port->note().empty()) log_notice("{}", port->note());
        ports.push_back(std::move(*port));
    }
    return ports;
}

Result<std::map<PortIndex, Steering>> steer_ports(const std::vector<Port>& ports) {
    std::map<PortIndex, Steering> steering;
    for (std::size_t i = 0; i < ports.size(); ++i) {
        if (!ports[i].is_af_xdp()) continue;
        auto interface = Steering::of_maps(ports[i].maps());
        if (!interface) return tl::unexpected(interface.error());
        steering.emplace(static_cast<PortIndex>(i), std::move(*interface));
    }
    return steering;
}

Result<Config> read_again(const std::string& path) {
    const ConfigResult read = load_config(path);
    if (read) return read->config;
    std::string text = to_string(read.error());
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return fail(Errc::invalid, text);
}

// What is a VLAN of what is asked once, before any port is opened.
Result<PortLayout> layout_of(const Config& config) {
    const bool of_linux =
        std::any_of(config.interfaces.begin(), config.interfaces.end(),
                    [](const auto& each) { return each.attach == AttachKind::af_xdp; });
    if (!of_linux) return lay_out_ports(config.interfaces, {});
    const auto mirror = KernelMirror::open();
    if (!mirror) return tl::unexpected(mirror.error());
    return lay_out_ports(config.interfaces, mirror->network());
}

// The file, with the interfaces that need a DPDK port of their own, by PortIndex.
Config wired(Config config, const PortLayout& layout) {
    config.interfaces.clear();
    for (const PortLayout::Physical& port : layout.ports)
        config.interfaces.push_back(port.config);
    return config;
}

// When the port is opened, and opened again.
Result<void> prepare_tags(const PortLayout& layout, PortIndex index, const Port& port) {
    const bool carries_vlans =
        std::any_of(layout.vlans.begin(), layout.vlans.end(),
                    [&](const PortLayout::Vlan& vlan) { return vlan.port.parent == index; });
    if (!carries_vlans || !port.is_af_xdp()) return {};
    const auto note = leave_tags_in_frames(port.interface());
    if (!note) return tl::unexpected(note.error());
    if (!note->empty()) log_notice("{}", *note);
    return {};
}

// The events that a running director lives on. Fails when the kernel gives no timer.
Result<void> connect_events(EventLoop& loop, RunningDirector& director, Exceptions& exceptions,
                            KernelMirror* kernel, PortKeeper* keeper) {
    if (kernel != nullptr) {
        const auto on_news = [&director, &exceptions, kernel, keeper](std::uint32_t) {
            director.on_kernel_news();
            keeper->look();
            exceptions.look(kernel->network());
        };
        if (auto added = loop.add(kernel->fd(), EPOLLIN, on_news); !added) return added;
        if (auto started = loop.every(std::chrono::seconds(1), [keeper] { keeper->on_second(); });
            !started)
            return tl::unexpected(started.error());
    }
    struct Periodic {
        std::chrono::milliseconds period;
        EventLoop::OnTimer run;
    };
    const Periodic timers[] = {
        {kHousekeeping, [&] { director.on_housekeeping(); }},
        {kLinks, [&] { exceptions.follow_links(); }},
        {std::chrono::seconds(1), [&] { director.on_second(); }},
        {RateEstimator::kPeriod, [&] { director.on_rate_sample(); }},
    };
    for (const Periodic& timer : timers)
        if (auto started = loop.every(timer.period, timer.run); !started)
            return tl::unexpected(started.error());
    return {};
}

DirectorParts parts(DataPlane& plane, ForwardingThreads& threads, const std::vector<Port>& ports,
                    const PortLayout& layout, const Exceptions& exceptions,
                    const std::vector<unsigned>& cores, std::optional<KernelMirror>& kernel,
                    std::map<PortIndex, Steering> steering) {
    DirectorParts parts{plane, {}, cores,   [&threads] { return threads.now(); },
                        {},    {}, nullptr, {}};
    for (const auto& worker : threads.workers())
        parts.workers.push_back(worker.get());
    for (const Port& port : ports) {
        const unsigned exception = exceptions.ifindex(static_cast<PortIndex>(parts.ports.size()));
        parts.interfaces.push_back({port.interface(), exception != 0 ? exception : port.ifindex(),
                                    port.mac(), port.is_af_xdp() ? kMaxMtu : port.mtu()});
        parts.interfaces.back().takes_untagged = layout.ports[parts.ports.size()].is_named;
        parts.ports.push_back(&port);
    }
    for (const PortLayout::Vlan& vlan : layout.vlans) {
        const PlannedPort& parent = parts.interfaces[vlan.port.parent];
        parts.interfaces.push_back(
            {vlan.name, vlan.ifindex, parent.mac, parent.mtu, vlan.port, true});
    }
    parts.kernel = kernel ? &*kernel : nullptr;
    parts.steering = std::move(steering);
    return parts;
}

std::string counted(std::size_t count, const char* what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

void on_signal(int signal, EventLoop& loop, RunningDirector& director) {
    if (signal != SIGHUP) return loop.stop();
    tell_reloading();
    const auto reloaded = director.reload_config();
    if (!reloaded) log_error("not reloaded, all goes on as it was: {}", reloaded.error().message);
    tell_reloaded(reloaded ? "forwards; reloaded"
                           : "forwards; not reloaded: " + reloaded.error().message);
}

}  // namespace

Result<void> run_daemon(const ReadConfig& read, const std::string& config_path) {
    const Config& config = read.config;
    set_log(config.log);

    // Before any thread starts, so that all of them leave the signals to the loop.
    auto loop = EventLoop::make();
    if (!loop) return tl::unexpected(loop.error());
    RunningDirector* running = nullptr;
    if (auto signals = loop->on_signals({SIGTERM, SIGINT, SIGHUP},
                                        [&](int signal) { on_signal(signal, *loop, *running); });
        !signals)
        return signals;

    if (auto able = check_pci(config); !able) return able;
    if (auto kept = keep_privileges_to_start(); !kept) return kept;
    EalConfig eal_config;
    eal_config.worker_cores = worker_cores(config);
    eal_config.main_core = main_core(eal_config.worker_cores);
    const auto layout = layout_of(config);
    if (!layout) return tl::unexpected(layout.error());
    const Config on_wires = wired(config, *layout);
    const unsigned packets = packet_buffers(on_wires);
    eal_config.packets = packets + exception_packets(config);
    eal_config.pci_devices = pci_devices(config);
    const auto eal = start_eal(eal_config);
    if (!eal) return tl::unexpected(eal.error());
    if (!eal->hugepages && !eal_config.pci_devices.empty()) return no_hugepages(eal_config.packets);
    struct StopEal {
        ~StopEal() { stop_eal(); }
    } const stop_at_end;

    const auto pool = make_packet_pool("packets", packets, 0, -1, packet_layout(on_wires));
    if (!pool) return tl::unexpected(pool.error());
    auto ports = open_ports(on_wires, eal_config.worker_cores.size(), *pool);
    if (!ports) return tl::unexpected(ports.error());
    for (std::size_t i = 0; i < ports->size(); ++i)
        if (auto prepared = prepare_tags(*layout, static_cast<PortIndex>(i), (*ports)[i]);
            !prepared)
            return prepared;
    auto steering = steer_ports(*ports);
    if (!steering) return tl::unexpected(steering.error());
    const auto exceptions = Exceptions::open(on_wires.interfaces, *ports);
    if (!exceptions) return tl::unexpected(exceptions.error());
    std::optional<KernelMirror> kernel;
    if (!steering->empty() || !(*exceptions)->empty()) {
        auto mirror = KernelMirror::open();
        if (!mirror) return tl::unexpected(mirror.error());
        kernel.emplace(std::move(*mirror));
    }

    FragmentTable::Limits fragments;
    fragments.datagrams = config.fragments.datagrams;
    fragments.held = config.fragments.held;
    fragments.timeout = seconds(config.fragments.timeout);
    DataPlane plane(config.connection_table_bits, static_cast<unsigned>(eal->worker_lcores.size()),
                    random_seed(), fragments);
    ForwardingThreads threads(
        plane, *ports, eal->worker_lcores,
        {config.idle == Idle::sleep, config.spread, layout->vlan_ports(), (*exceptions)->paths()});
    RunningDirector director(parts(plane, threads, *ports, *layout, **exceptions,
                                   eal_config.worker_cores, kernel, std::move(*steering)),
                             config, config_path, [&] { return read_again(config_path); });
    running = &director;
    threads.start();
    (*exceptions)->start();
    if (auto begun = director.begin(); !begun) return begun;
    std::optional<PortKeeper> keeper;
    if (kernel)
        keeper.emplace(
            PortKeeper::Parts{*ports, threads, director, *kernel, [&](PortIndex port) {
                                  return prepare_tags(*layout, port, (*ports)[port]).and_then([&] {
                                      return Steering::of_maps((*ports)[port].maps());
                                  });
                              }});
    if (auto connected = connect_events(*loop, director, **exceptions, kernel ? &*kernel : nullptr,
                                        keeper ? &*keeper : nullptr);
        !connected)
        return connected;
    auto server = SocketServer::listen(
        *loop, config.control, [&](std::string_view line) { return handle_line(line, director); });
    if (!server) return tl::unexpected(server.error());
    if (auto dropped = keep_privileges_to_run(); !dropped) return dropped;

    log_notice("usherd {} forwards: {}, {}, a table of 2^{} connections, {}; control socket {}",
               USHER_VERSION, counted(ports->size(), "interface"),
               counted(threads.workers().size(), "worker"), config.connection_table_bits,
               counted(director.desired().services.size(), "virtual service"),
               config.control.socket);
    tell_ready("forwards");
    loop->run();
    tell_stopping();
    log_notice("usherd ends");
    (*exceptions)->stop();
    threads.stop();
    return {};
}

}  // namespace usher
