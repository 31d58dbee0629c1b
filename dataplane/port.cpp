// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port.hpp"

#include <fmt/format.h>
#include <net/if.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "dataplane/driver_log.hpp"
#include "dataplane/kernel_interface.hpp"
#include "dataplane/xdp_attach.hpp"
#include "dataplane/xdp_program.hpp"
#include "dataplane/xdp_sockets.hpp"

namespace usher {

namespace {

constexpr std::uint64_t kRssFields =
    RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP;

std::string device_for_af_xdp(const KernelInterface& kernel, const PortConfig& config, int program,
                              bool generic) {
    // No busy budget: on veth the driver's default costs a third of the packets a second.
    std::string device = fmt::format(
        "net_af_xdp{},iface={},start_queue=0,queue_count={},busy_budget=0,xdp_prog=/proc/self/fd/"
        "{}",
        kernel.ifindex, config.interface, kernel.queues, program);
    if (config.copying == Copying::always || generic) device += ",force_copy=1";
    return device;
}

tl::unexpected<Error> refuse(const std::string& interface, const std::string& what, int error) {
    std::string why = rte_strerror(error < 0 ? -error : error);
    if (const std::string said = driver_messages(); !said.empty())
        why += fmt::format("; it says: {}", said);
    return fail(error == -EPERM || error == -EACCES ? Errc::permission : Errc::unavailable,
                fmt::format("{}: {}: {}", interface, what, why));
}

PortStatistics sum(const PortStatistics& a, const PortStatistics& b) {
    return {.rx_packets = a.rx_packets + b.rx_packets,
            .rx_bytes = a.rx_bytes + b.rx_bytes,
            .rx_missed = a.rx_missed + b.rx_missed,
            .rx_errors = a.rx_errors + b.rx_errors,
            .rx_no_mbuf = a.rx_no_mbuf + b.rx_no_mbuf,
            .tx_packets = a.tx_packets + b.tx_packets,
            .tx_bytes = a.tx_bytes + b.tx_bytes,
            .tx_errors = a.tx_errors + b.tx_errors};
}

}  // namespace

Result<Port> Port::open(const PortConfig& config, rte_mempool* pool) {
    Port port(config, pool);
    if (const auto opened = port.reopen(); !opened) return tl::unexpected(opened.error());
    return port;
}

Port::Port(const PortConfig& config, rte_mempool* pool)
    : config_(config), pool_(pool), interface_(config.interface) {}

Result<void> Port::reopen() {
    forget_driver_messages();
    const auto opened = config_.device.empty() ? open_af_xdp() : open_device(config_.device);
    if (!opened) close();
    return opened;
}

Result<void> Port::open_device(const std::string& device) {
    return probe(device).and_then([&] { return configure(); }).and_then([&] { return start(); });
}

Result<void> Port::open_af_xdp() {
    const auto kernel = interface_for_af_xdp(interface_, config_.queues,
                                             was_open_ ? MayBeDown::yes : MayBeDown::no);
    if (!kernel) return tl::unexpected(kernel.error());
    detach_id(kernel->ifindex, program_id_);  // moved away and back, it still has it
    auto note = free_interface(interface_);
    if (!note) return tl::unexpected(note.error());
    const auto program = steering_object_file();  // until the driver has loaded it
    if (!program) return tl::unexpected(program.error());
    note_ = std::move(*note);
    program_id_ = 0;
    ifindex_ = kernel->ifindex;
    mtu_ = static_cast<std::uint16_t>(kernel->mtu);
    config_.rx_queues = config_.tx_queues = static_cast<std::uint16_t>(kernel->queues);

    return attach(*kernel, program->get()).and_then([&] { return settle_xdp(); });
}

// Where the file wants it. By itself in the NIC's driver, and behind it when the driver has XDP but
// refuses (an offload that is on, the MTU of a veth's other end): it must copy then.
Result<void> Port::attach(const KernelInterface& kernel, int program) {
    forget_refused_attachment();
    auto opened = open_attached(kernel, program, config_.xdp == XdpPlace::generic);
    refusal_ = refused_attachment();
    if (!opened || refusal_.empty()) return opened;
    if (kernel.large_receive)
        refusal_ += fmt::format("; it joins what it receives: ethtool -K {} lro off", interface_);
    note_ += fmt::format(
        "{}{}: its driver refuses the XDP program ({}), so it runs in the kernel's generic path, "
        "which is slower",
        note_.empty() ? "" : "; ", interface_, refusal_);
    if (std::none_of(sockets_.begin(), sockets_.end(), is_zero_copy)) return opened;
    close();
    return open_attached(kernel, program, true);
}

Result<void> Port::open_attached(const KernelInterface& kernel, int program, bool generic) {
    const AttachGeneric there(generic);
    const std::vector<int> sockets = xdp_sockets();
    const std::vector<int> programs = bpf_descriptors();
    const auto opened = open_device(device_for_af_xdp(kernel, config_, program, generic));
    sockets_ = opened_since(sockets, xdp_sockets());
    programs_ = opened_since(programs, bpf_descriptors());
    return opened;
}

// What the kernel chose, or was made to. The maps are still empty: no packet is ours yet.
Result<void> Port::settle_xdp() {
    program_id_ = attached_id(ifindex_).value_or(0);
    if (program_id_ == 0)
        return fail(Errc::unavailable,
                    fmt::format("{}: its XDP program was taken off at once; stop what does that",
                                interface_));
    const bool generic = is_generic(ifindex_);
    if (generic && config_.xdp == XdpPlace::native)
        return fail(Errc::not_supported,
                    fmt::format("{}: its driver {}, and the file says xdp = \"native\"; \"auto\" "
                                "takes the kernel's generic one",
                                interface_,
                                refusal_.empty() ? "has no XDP of its own"
                                                 : "refuses the XDP program (" + refusal_ + ")"));
    const bool copies = std::any_of(sockets_.begin(), sockets_.end(),
                                    [](int socket) { return !is_zero_copy(socket); });
    if (copies && config_.copying == Copying::never)
        return fail(Errc::not_supported,
                    fmt::format("{}: its driver has to copy, and the file says zero_copy = \"on\"; "
                                "\"auto\" copies where it must",
                                interface_));
    attachment_ =
        fmt::format("{} XDP, {}", generic ? "generic" : "native", copies ? "copying" : "zero-copy");
    return map_sockets();
}

// The driver has done so for the first queue, and for others in some versions only.
Result<void> Port::map_sockets() const {
    return rx_queues_ > 1 ? map_xdp_sockets(maps(), sockets_) : Result<void>();
}

std::vector<int> Port::maps() const {
    std::vector<int> maps;
    std::copy_if(programs_.begin(), programs_.end(), std::back_inserter(maps), is_bpf_map);
    return maps;
}

Result<void> Port::probe(const std::string& device) {
    const std::string name = device.substr(0, device.find(','));
    const bool there = rte_eth_dev_get_port_by_name(name.c_str(), &id_) == 0;
    if (there && !config_.on_pci_bus)  // EAL opens those itself
        return fail(
            Errc::exists,
            fmt::format("{}: device {} is in use already; name each device in one [[interface]]",
                        interface_, name));
    if (const int error = there ? 0 : rte_dev_probe(device.c_str()); error < 0)
        return refuse(interface_, fmt::format("DPDK cannot open device {}", name), error);
    if (rte_eth_dev_get_port_by_name(name.c_str(), &id_) < 0)
        return fail(
            Errc::invalid,
            fmt::format(
                "{}: device {} is not a network device; DPDK's names of those begin with net_",
                interface_, name));
    probed_ = true;
    return {};
}

Result<void> Port::configure() {
    rte_eth_dev_info info{};
    if (const int error = rte_eth_dev_info_get(id_, &info); error < 0)
        return refuse(interface_, "the device tells nothing about itself", error);
    if (config_.queues > info.max_rx_queues)
        return fail(Errc::invalid, fmt::format("{}: queues = {}, but the device has at most {}",
                                               interface_, config_.queues, info.max_rx_queues));
    const std::uint16_t wanted = config_.queues > 0 ? config_.queues : config_.rx_queues;
    rx_queues_ = std::clamp<std::uint16_t>(wanted, 1, info.max_rx_queues);
    tx_queues_ = std::clamp<std::uint16_t>(config_.tx_queues, 1, info.max_tx_queues);
    if (!is_af_xdp()) attachment_ = info.driver_name;
    rte_eth_conf plain{};
    // Whichever way a device shares out packets is fine: any worker can forward any of them.
    plain.rx_adv_conf.rss_conf.rss_hf = kRssFields & info.flow_type_rss_offloads;
    if (rx_queues_ > 1 && plain.rx_adv_conf.rss_conf.rss_hf != 0)
        plain.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    if (const int error = rte_eth_dev_configure(id_, rx_queues_, tx_queues_, &plain); error < 0)
        return refuse(interface_, "the device cannot be configured", error);
    return set_up_queues();
}

Result<void> Port::set_up_queues() {
    const int node = rte_eth_dev_socket_id(id_);
    const auto socket = static_cast<unsigned>(node);
    std::uint16_t receive = config_.descriptors;
    std::uint16_t transmit = config_.descriptors;
    rte_eth_dev_adjust_nb_rx_tx_desc(id_, &receive, &transmit);
    for (std::uint16_t queue = 0; queue < tx_queues_; ++queue)
        if (const int error = rte_eth_tx_queue_setup(id_, queue, transmit, socket, nullptr);
            error < 0)
            return refuse(interface_, "no transmit queue", error);
    for (std::uint16_t queue = 0; queue < rx_queues_; ++queue)
        if (const int error = rte_eth_rx_queue_setup(id_, queue, receive, socket, nullptr, pool_);
            error < 0)
            return refuse(interface_, is_af_xdp() ? "XDP cannot be used on it" : "no receive queue",
                          error);
    return {};
}

Result<void> Port::start() {
    if (const int error = rte_eth_dev_start(id_); error < 0)
        return refuse(interface_, "the device does not start", error);
    started_ = was_open_ = true;
    // Of what is sent to groups, the NIC does not know which Linux listens to.
    if (config_.for_linux_too) rte_eth_allmulticast_enable(id_);
    rte_ether_addr address{};
    rte_eth_macaddr_get(id_, &address);
    std::memcpy(mac_.bytes.data(), address.addr_bytes, mac_.bytes.size());
    return {};
}

Port::Port(Port&& other) noexcept
    : config_(std::move(other.config_)),
      pool_(other.pool_),
      probed_(std::exchange(other.probed_, false)),
      started_(std::exchange(other.started_, false)),
      was_open_(other.was_open_),
      id_(other.id_),
      rx_queues_(other.rx_queues_),
      tx_queues_(other.tx_queues_),
      mtu_(other.mtu_),
      ifindex_(other.ifindex_),
      mac_(other.mac_),
      interface_(std::move(other.interface_)),
      note_(std::move(other.note_)),
      attachment_(std::move(other.attachment_)),
      refusal_(std::move(other.refusal_)),
      program_id_(other.program_id_),
      sockets_(std::exchange(other.sockets_, {})),
      programs_(std::exchange(other.programs_, {})),
      before_(other.before_) {}

Port::~Port() {
    close();
}

void Port::close() {
    if (probed_) {
        before_ = statistics();
        rte_eth_dev_info info{};
        rte_eth_dev_info_get(id_, &info);
        if (started_) rte_eth_dev_stop(id_);
        if (is_af_xdp()) take_off();
        const KeepAttached keep(has_foreign_program());  // which is not the driver's to take off
        rte_eth_dev_close(id_);
        if (info.device != nullptr) rte_dev_remove(info.device);
    }
    // The driver takes off what is attached, but only when its set-up had come that far.
    if (is_af_xdp() && probed_) (void)detach_steering(ifindex_);
    for (const int descriptor : programs_)
        ::close(descriptor);
    // The driver forgets to close a socket whose interface has gone, and all but the first queue's.
    const std::vector<int> left = xdp_sockets();
    for (const int socket : sockets_)
        if (std::binary_search(left.begin(), left.end(), socket)) let_go(socket);
    programs_.clear();
    sockets_.clear();
    attachment_.clear();
    probed_ = started_ = false;
}

// What lies in the rings of a socket is ours when the kernel has let go of it; or, where it copies,
// when no program gives it packets any more.
void Port::take_off() {
    constexpr std::chrono::milliseconds kUnderWay{10};  // a program that runs while it is taken off
    detach_id(ifindex_, program_id_);
    std::this_thread::sleep_for(kUnderWay);
    for (const int socket : sockets_)
        if (!is_bound(socket) || !is_zero_copy(socket)) take_back_packets(socket, pool_);
}

Port::Program Port::program() const {
    const auto there = attached_id(ifindex_);
    if (!there || *there == program_id_) return Program::ours;
    return *there == 0 ? Program::none : Program::foreign;
}

// Before the port is open, what is there is what is being opened.
bool Port::has_foreign_program() const {
    return is_af_xdp() && program_id_ != 0 && program() == Program::foreign;
}

bool Port::is_lost() const {
    return std::any_of(sockets_.begin(), sockets_.end(),
                       [](int socket) { return !is_bound(socket); });
}

bool Port::link_up() const {
    if (!is_open()) return false;
    if (is_af_xdp()) {
        char name[IF_NAMESIZE];  // it may have been renamed
        if (if_indextoname(ifindex_, name) == nullptr) return false;
        const auto kernel = kernel_interface(name);
        return kernel && kernel->running;
    }
    rte_eth_link link{};
    return rte_eth_link_get_nowait(id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

PortStatistics Port::statistics() const {
    rte_eth_stats stats{};
    if (!probed_ || rte_eth_stats_get(id_, &stats) < 0) return before_;
    return sum(before_, {.rx_packets = stats.ipackets,
                         .rx_bytes = stats.ibytes,
                         .rx_missed = stats.imissed,
                         .rx_errors = stats.ierrors,
                         .rx_no_mbuf = stats.rx_nombuf,
                         .tx_packets = stats.opackets,
                         .tx_bytes = stats.obytes,
                         .tx_errors = stats.oerrors});
}

}  // namespace usher
