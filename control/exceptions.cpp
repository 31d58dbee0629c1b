// SPDX-License-Identifier: BSD-3-Clause
#include "control/exceptions.hpp"

#include <algorithm>

#include "control/log.hpp"
#include "control/machine_check.hpp"
#include "dataplane/eal.hpp"

namespace usher {

std::vector<std::string> pci_devices(const Config& config) {
    std::vector<std::string> devices;
    for (const InterfaceConfig& interface : config.interfaces)
        if (interface.attach == AttachKind::pci) devices.push_back(interface.pci);
    return devices;
}

unsigned exception_packets(const Config& config) {
    const auto paths =
        std::count_if(config.interfaces.begin(), config.interfaces.end(),
                      [](const InterfaceConfig& each) { return !each.exception_name().empty(); });
    return static_cast<unsigned>(paths) * ExceptionThread::kPackets;
}

Result<void> check_pci(const Config& config) {
    if (pci_devices(config).empty()) return {};
    const Machine machine = read_machine("/", config);
    for (const InterfaceConfig& interface : config.interfaces) {
        if (interface.attach != AttachKind::pci) continue;
        const Finding finding = judge_pci(interface, machine);
        if (finding.grade == Grade::error)
            return fail(Errc::unavailable, finding.what + ": " + finding.remedy);
    }
    return {};
}

Result<std::unique_ptr<Exceptions>> Exceptions::open(const std::vector<InterfaceConfig>& interfaces,
                                                     const std::vector<Port>& ports) {
    auto exceptions = std::unique_ptr<Exceptions>(new Exceptions);
    exceptions->ports_ = ports.size();
    for (std::size_t i = 0; i < ports.size() && i < interfaces.size(); ++i) {
        const std::string& name = interfaces[i].exception_name();
        if (name.empty()) continue;
        auto tap = ExceptionTap::open(name, ports[i].mac(), ports[i].mtu());
        if (!tap) return tl::unexpected(tap.error());
        exceptions->opened_.emplace(
            static_cast<PortIndex>(i),
            Opened{&ports[i], std::move(*tap), std::make_unique<ExceptionPath>(name)});
    }
    if (const auto made = exceptions->make_thread(); !made) return tl::unexpected(made.error());
    exceptions->follow_links();
    return exceptions;
}

Exceptions::~Exceptions() {
    stop();
}

Result<void> Exceptions::make_thread() {
    if (opened_.empty()) return {};
    const auto packets = static_cast<unsigned>(opened_.size() * ExceptionThread::kPackets);
    const auto pool = make_packet_pool("exceptions", packets, 0, -1);
    if (!pool) return tl::unexpected(pool.error());
    std::vector<ExceptionThread::Link> links;
    for (const auto& [port, opened] : opened_)
        links.push_back({&opened.tap, opened.path.get()});
    thread_ = std::make_unique<ExceptionThread>(std::move(links), *pool);
    return {};
}

unsigned Exceptions::ifindex(PortIndex port) const {
    const auto found = opened_.find(port);
    return found == opened_.end() ? 0 : found->second.tap.ifindex();
}

std::vector<ExceptionPath*> Exceptions::paths() const {
    std::vector<ExceptionPath*> paths(ports_, nullptr);
    for (const auto& [port, opened] : opened_)
        paths[port] = opened.path.get();
    return paths;
}

void Exceptions::start() {
    if (thread_ != nullptr) thread_->start();
}

void Exceptions::stop() {
    if (thread_ != nullptr) thread_->stop();
}

void Exceptions::follow_links() {
    for (auto& [port, opened] : opened_)
        opened.tap.set_link(opened.port->link_up());
}

void Exceptions::Opened::log(const std::string& name, bool up, bool gone) {
    if (gone)
        log_error(
            "{}: deleted; Linux gets nothing of what comes there any more, and sends nothing, and "
            "services by it stand still: restart usherd, which makes it anew",
            name);
    else if (up)
        log_notice("{}: up again", name);
    else
        log_warning("{0}: set down; Linux gets nothing of what comes there: ip link set {0} up",
                    name);
}

void Exceptions::look(const KernelNetwork& kernel) {
    for (auto& [port, opened] : opened_) {
        const auto link = kernel.links.find(opened.tap.ifindex());
        const bool gone = link == kernel.links.end();
        const bool up = !gone && link->second.up;
        if (opened.up != up || opened.gone != gone) Opened::log(opened.tap.name(), up, gone);
        opened.up = up;
        opened.gone = gone;
    }
}

}  // namespace usher
