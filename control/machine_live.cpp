// SPDX-License-Identifier: BSD-3-Clause
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "control/machine.hpp"
#include "dataplane/xdp_program.hpp"
#include "nat/unique_fd.hpp"

namespace usher {

namespace {

// What ethtool asks.
class Ethtool {
  public:
    explicit Ethtool(const std::string& interface) : socket_(socket(AF_INET, SOCK_DGRAM, 0)) {
        interface.copy(request_.ifr_name, sizeof(request_.ifr_name) - 1);
    }
    std::uint32_t value(std::uint32_t command) {
        ethtool_value answer{command, 0};
        return ask(&answer) ? answer.data : 0;
    }
    std::string driver() {
        ethtool_drvinfo answer{};
        answer.cmd = ETHTOOL_GDRVINFO;
        return ask(&answer) ? answer.driver : "";
    }

  private:
    bool ask(void* question) {
        request_.ifr_data = static_cast<char*>(question);
        return ioctl(socket_.get(), SIOCETHTOOL, &request_) == 0;
    }
    UniqueFd socket_;
    ifreq request_{};
};

std::optional<IpAddress> address_of(const sockaddr* address) {
    if (address == nullptr) return std::nullopt;
    if (address->sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, address, sizeof v4);
        return IpAddress(Be32::from_host(ntohl(v4.sin_addr.s_addr)));
    }
    if (address->sa_family != AF_INET6) return std::nullopt;
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return IpAddress(bytes);
}

std::optional<std::set<IpAddress>> box_addresses() {
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return std::nullopt;
    std::set<IpAddress> addresses;
    for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next)
        if (const auto address = address_of(each->ifa_addr)) addresses.insert(*address);
    freeifaddrs(list);
    return addresses;
}

bool answers(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) return false;
    path.copy(address.sun_path, path.size());
    const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
           errno == EAGAIN;
}

void ask_about(const std::string& name, NicFacts& nic) {
    Ethtool ethtool(name);
    if (nic.driver.empty()) nic.driver = ethtool.driver();
    const std::uint32_t flags = ethtool.value(ETHTOOL_GFLAGS);
    nic.large_receive = flags & ETH_FLAG_LRO;
    nic.strips_vlan = flags & ETH_FLAG_RXVLAN;
    nic.joined = ethtool.value(ETHTOOL_GGRO) != 0;
    const auto program = attached_program(name);
    if (program && *program && !(*program)->is_ours)
        nic.foreign_program = (*program)->name.empty() ? "without a name" : (*program)->name;
}

}  // namespace

void ask_kernel(Machine& machine, const Config& config) {
    machine.addresses = box_addresses();
    machine.usherd_runs = answers(config.control.socket);
    for (const InterfaceConfig& interface : config.interfaces) {
        const auto found = machine.nics.find(interface.name);
        if (interface.attach != AttachKind::af_xdp || found == machine.nics.end()) continue;
        ask_about(interface.name, found->second);
        const auto wire = machine.nics.find(found->second.vlan_of);
        if (wire != machine.nics.end()) ask_about(wire->first, wire->second);
    }
}

}  // namespace usher
