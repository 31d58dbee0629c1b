// SPDX-License-Identifier: BSD-3-Clause
#include "control/daemon.hpp"

#include <sys/epoll.h>
#include <sys/random.h>

#include <csignal>
#include <optional>

#include "control/commands.hpp"
#include "control/daemon_config.hpp"
#include "control/event_loop.hpp"
#include "control/log.hpp"
#include "control/running_director.hpp"
#include "control/socket_server.hpp"
#include "dataplane/eal.hpp"
#include "dataplane/forwarding_threads.hpp"
#include "dataplane/privileges.hpp"

namespace usher {

namespace {

constexpr unsigned kPacketsPerPort = 16384;  // mbufs: receive and transmit rings, and in flight
constexpr std::chrono::milliseconds kHousekeeping{10};

HashSeed random_seed() {
    HashSeed seed{};
    // Cannot fail for so few bytes once the kernel has booted (getrandom(2)).
    static_cast<void>(getrandom(&seed, sizeof seed, 0));
    return seed;
}

unsigned packet_buffers(const Config& config) {
    unsigned sum = 0;
    for (const InterfaceConfig& interface : config.interfaces)
        sum += interface.packet_buffers;
    return sum;
}

PacketLayout packet_layout(const Config& config) {
    for (const InterfaceConfig& interface : config.interfaces)
        if (interface.attach == AttachKind::af_xdp) return PacketLayout::own_page;
    return PacketLayout::dense;
}

Result<std::vector<Port>> open_ports(const Config& config, std::size_t workers, rte_mempool* pool) {
    std::vector<Port> ports;
    for (const InterfaceConfig& interface : config.interfaces) {
        PortConfig wanted;
        wanted.interface = interface.name;
        wanted.device = interface.attach == AttachKind::device ? interface.device : "";
        wanted.rx_queues = static_cast<std::uint16_t>(workers);
        wanted.tx_queues = static_cast<std::uint16_t>(workers);
        auto port = Port::open(wanted, pool);
        if (!port) return tl::unexpected(port.error());
        if (!port->note().empty()) log_notice("{}: {}", interface.name, port->note());
        ports.push_back(std::move(*port));
    }
    return ports;
}

Result<std::vector<Steering>> steer_ports(const std::vector<Port>& ports) {
    std::vector<Steering> steering;
    for (const Port& port : ports) {
        if (!port.is_af_xdp()) continue;
        auto interface = Steering::of_interface(port.interface());
        if (!interface) return tl::unexpected(interface.error());
        steering.push_back(std::move(*interface));
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

// The events that a running director lives on. Fails when the kernel gives no timer.
Result<void> connect_events(EventLoop& loop, RunningDirector& director, KernelMirror* kernel) {
    if (kernel != nullptr)
        if (auto added =
                loop.add(kernel->fd(), EPOLLIN, [&](std::uint32_t) { director.on_kernel_news(); });
            !added)
            return added;
    struct Periodic {
        std::chrono::milliseconds period;
        EventLoop::OnTimer run;
    };
    const Periodic timers[] = {
        {kHousekeeping, [&] { director.on_housekeeping(); }},
        {std::chrono::seconds(1), [&] { director.on_second(); }},
        {RateEstimator::kPeriod, [&] { director.on_rate_sample(); }},
    };
    for (const Periodic& timer : timers)
        if (auto started = loop.every(timer.period, timer.run); !started)
            return tl::unexpected(started.error());
    return {};
}

DirectorParts parts(DataPlane& plane, ForwardingThreads& threads, const std::vector<Port>& ports,
                    const std::vector<unsigned>& cores, std::optional<KernelMirror>& kernel,
                    std::vector<Steering> steering) {
    DirectorParts parts{plane, {}, cores,   [&threads] { return threads.now(); },
                        {},    {}, nullptr, {}};
    for (const auto& worker : threads.workers())
        parts.workers.push_back(worker.get());
    for (const Port& port : ports) {
        parts.interfaces.push_back({port.interface(), port.ifindex(), port.mac(), port.mtu()});
        parts.ports.push_back(&port);
    }
    parts.kernel = kernel ? &*kernel : nullptr;
    parts.steering = std::move(steering);
    return parts;
}

void on_signal(int signal, EventLoop& loop, RunningDirector& director) {
    if (signal != SIGHUP) return loop.stop();
    if (const auto reloaded = director.reload_config(); !reloaded)
        log_error("not reloaded, all goes on as it was: {}", reloaded.error().message);
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

    if (auto kept = keep_privileges_to_start(); !kept) return kept;
    EalConfig eal_config;
    eal_config.worker_cores = worker_cores(config);
    eal_config.main_core = main_core(eal_config.worker_cores);
    eal_config.packets = packet_buffers(config);
    const auto eal = start_eal(eal_config);
    if (!eal) return tl::unexpected(eal.error());
    struct StopEal {
        ~StopEal() { stop_eal(); }
    } const stop_at_end;

    const auto pool = make_packet_pool("packets", eal_config.packets, 0, -1, packet_layout(config));
    if (!pool) return tl::unexpected(pool.error());
    auto ports = open_ports(config, eal_config.worker_cores.size(), *pool);
    if (!ports) return tl::unexpected(ports.error());
    auto steering = steer_ports(*ports);
    if (!steering) return tl::unexpected(steering.error());
    std::optional<KernelMirror> kernel;
    if (!steering->empty()) {
        auto mirror = KernelMirror::open();
        if (!mirror) return tl::unexpected(mirror.error());
        kernel.emplace(std::move(*mirror));
    }

    DataPlane plane(config.connection_table_bits, static_cast<unsigned>(eal->worker_lcores.size()),
                    random_seed());
    ForwardingThreads threads(plane, *ports, eal->worker_lcores);
    RunningDirector director(
        parts(plane, threads, *ports, eal_config.worker_cores, kernel, std::move(*steering)),
        config, config_path, [&] { return read_again(config_path); });
    running = &director;
    threads.start();
    if (auto begun = director.begin(); !begun) return begun;
    if (auto connected = connect_events(*loop, director, kernel ? &*kernel : nullptr); !connected)
        return connected;
    auto server = SocketServer::listen(
        *loop, config.control, [&](std::string_view line) { return handle_line(line, director); });
    if (!server) return tl::unexpected(server.error());
    if (auto dropped = keep_privileges_to_run(); !dropped) return dropped;

    log_notice(
        "usherd {} forwards: {} interfaces, {} workers, a table of 2^{} connections, {} "
        "virtual services; control socket {}",
        USHER_VERSION, ports->size(), threads.workers().size(), config.connection_table_bits,
        director.desired().services.size(), config.control.socket);
    loop->run();
    log_notice("usherd ends");
    threads.stop();
    return {};
}

}  // namespace usher
