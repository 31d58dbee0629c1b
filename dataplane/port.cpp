// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port.hpp"

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "dataplane/driver_log.hpp"
#include "dataplane/kernel_interface.hpp"
#include "dataplane/xdp_program.hpp"

namespace usher {

namespace {

std::string device_for_af_xdp(unsigned ifindex, const std::string& interface, int program) {
    // No busy budget: on veth the driver's default costs a third of the packets a second.
    return fmt::format(
        "net_af_xdp{},iface={},start_queue=0,queue_count=1,busy_budget=0,"
        "xdp_prog=/proc/self/fd/{}",
        ifindex, interface, program);
}

tl::unexpected<Error> refuse(const std::string& interface, const std::string& what, int error) {
    std::string why = rte_strerror(error < 0 ? -error : error);
    if (const std::string said = driver_messages(); !said.empty())
        why += fmt::format("; it says: {}", said);
    return fail(error == -EPERM || error == -EACCES ? Errc::permission : Errc::unavailable,
                fmt::format("{}: {}: {}", interface, what, why));
}

}  // namespace

Result<Port> Port::open(const PortConfig& config, rte_mempool* pool) {
    forget_driver_messages();
    Port port;
    port.interface_ = config.interface;
    std::string device = config.device;
    UniqueFd program;  // until the driver has loaded it
    if (device.empty()) {
        const auto kernel = interface_for_af_xdp(config.interface);
        if (!kernel) return tl::unexpected(kernel.error());
        auto note = free_interface(config.interface);
        if (!note) return tl::unexpected(note.error());
        auto object = steering_object_file();
        if (!object) return tl::unexpected(object.error());
        program = std::move(*object);
        port.note_ = std::move(*note);
        port.ifindex_ = kernel->ifindex;
        port.mtu_ = static_cast<std::uint16_t>(kernel->mtu);
        device = device_for_af_xdp(kernel->ifindex, config.interface, program.get());
    }
    const auto opened =
        port.probe(device).and_then([&] { return port.configure(config, pool); }).and_then([&] {
            return port.start();
        });
    if (!opened) return tl::unexpected(opened.error());
    return port;
}

Result<void> Port::probe(const std::string& device) {
    const std::string name = device.substr(0, device.find(','));
    if (rte_eth_dev_get_port_by_name(name.c_str(), &id_) == 0)
        return fail(Errc::exists, fmt::format("{}: device {} is in use already", interface_, name));
    if (const int error = rte_dev_probe(device.c_str()); error < 0)
        return refuse(interface_, fmt::format("DPDK cannot open device {}", name), error);
    if (rte_eth_dev_get_port_by_name(name.c_str(), &id_) < 0)
        return fail(Errc::invalid,
                    fmt::format("{}: device {} is not a network device", interface_, name));
    probed_ = true;
    return {};
}

Result<void> Port::configure(const PortConfig& config, rte_mempool* pool) {
    rte_eth_dev_info info{};
    if (const int error = rte_eth_dev_info_get(id_, &info); error < 0)
        return refuse(interface_, "the device tells nothing about itself", error);
    rx_queues_ = std::clamp<std::uint16_t>(config.rx_queues, 1, info.max_rx_queues);
    tx_queues_ = std::clamp<std::uint16_t>(config.tx_queues, 1, info.max_tx_queues);
    const int node = rte_eth_dev_socket_id(id_);
    const auto socket = static_cast<unsigned>(node);
    rte_eth_conf plain{};
    if (const int error = rte_eth_dev_configure(id_, rx_queues_, tx_queues_, &plain); error < 0)
        return refuse(interface_, "the device cannot be configured", error);
    std::uint16_t receive = config.descriptors;
    std::uint16_t transmit = config.descriptors;
    rte_eth_dev_adjust_nb_rx_tx_desc(id_, &receive, &transmit);
    for (std::uint16_t queue = 0; queue < tx_queues_; ++queue)
        if (const int error = rte_eth_tx_queue_setup(id_, queue, transmit, socket, nullptr);
            error < 0)
            return refuse(interface_, "no transmit queue", error);
    for (std::uint16_t queue = 0; queue < rx_queues_; ++queue)
        if (const int error = rte_eth_rx_queue_setup(id_, queue, receive, socket, nullptr, pool);
            error < 0)
            return refuse(interface_, is_af_xdp() ? "XDP cannot be used on it" : "no receive queue",
                          error);
    return {};
}

Result<void> Port::start() {
    if (const int error = rte_eth_dev_start(id_); error < 0)
        return refuse(interface_, "the device does not start", error);
    started_ = true;
    rte_ether_addr address{};
    rte_eth_macaddr_get(id_, &address);
    std::memcpy(mac_.bytes.data(), address.addr_bytes, mac_.bytes.size());
    return {};
}

Port::Port(Port&& other) noexcept
    : probed_(std::exchange(other.probed_, false)),
      started_(std::exchange(other.started_, false)),
      id_(other.id_),
      rx_queues_(other.rx_queues_),
      tx_queues_(other.tx_queues_),
      mtu_(other.mtu_),
      ifindex_(other.ifindex_),
      mac_(other.mac_),
      interface_(std::move(other.interface_)),
      note_(std::move(other.note_)) {}

Port::~Port() {
    close();
}

void Port::close() {
    if (!probed_) return;
    rte_eth_dev_info info{};
    rte_eth_dev_info_get(id_, &info);
    if (started_) rte_eth_dev_stop(id_);
    rte_eth_dev_close(id_);
    if (info.device != nullptr) rte_dev_remove(info.device);
    // The driver takes off what is attached, but only when its set-up had come that far.
    if (is_af_xdp()) (void)detach_steering(ifindex_);
    probed_ = started_ = false;
}

bool Port::link_up() const {
    if (is_af_xdp()) {
        const auto kernel = kernel_interface(interface_);
        return kernel && kernel->running;
    }
    rte_eth_link link{};
    return rte_eth_link_get_nowait(id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

PortStatistics Port::statistics() const {
    rte_eth_stats stats{};
    if (rte_eth_stats_get(id_, &stats) < 0) return {};
    return {.rx_packets = stats.ipackets,
            .rx_bytes = stats.ibytes,
            .rx_missed = stats.imissed,
            .rx_errors = stats.ierrors,
            .rx_no_mbuf = stats.rx_nombuf,
            .tx_packets = stats.opackets,
            .tx_bytes = stats.obytes,
            .tx_errors = stats.oerrors};
}

}  // namespace usher
