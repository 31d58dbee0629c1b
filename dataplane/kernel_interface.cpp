// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/kernel_interface.hpp"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "dataplane/port.hpp"
#include "dataplane/xdp_program.hpp"

namespace usher {

namespace {

tl::unexpected<Error> no_such_interface(const std::string& name) {
    return fail(Errc::unavailable,
                fmt::format("there is no interface {}; `ip link` lists those that exist", name));
}

class Question {
  public:
    explicit Question(const std::string& name) : socket_(socket(AF_INET, SOCK_DGRAM, 0)) {
        name.copy(request_.ifr_name, sizeof(request_.ifr_name) - 1);
    }
    bool ask(unsigned long what) { return ioctl(socket_.get(), what, &request_) == 0; }
    ifreq& request() { return request_; }

  private:
    UniqueFd socket_;
    ifreq request_{};
};

// Devices without channels (veth reports some, dummy none) have one queue.
std::uint32_t receive_queues(Question& question) {
    ethtool_channels channels{};
    channels.cmd = ETHTOOL_GCHANNELS;
    question.request().ifr_data = reinterpret_cast<char*>(&channels);
    if (!question.ask(SIOCETHTOOL)) return 1;
    return std::max(1U, channels.rx_count + channels.combined_count);
}

// The driver would say only that it did not work.
Result<void> may_use_af_xdp() {
    const UniqueFd probe(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (probe.get() >= 0) return {};
    if (errno == EPERM || errno == EACCES)
        return fail(Errc::permission, "AF_XDP is not permitted; run as root");
    return fail(Errc::not_supported,
                fmt::format("this kernel has no AF_XDP sockets (CONFIG_XDP_SOCKETS): {}",
                            std::strerror(errno)));
}

}  // namespace

Result<KernelInterface> kernel_interface(const std::string& name) {
    if (name.empty() || name.size() >= IFNAMSIZ) return no_such_interface(name);
    KernelInterface found;
    Question question(name);
    if (!question.ask(SIOCGIFINDEX)) return no_such_interface(name);
    found.ifindex = static_cast<unsigned>(question.request().ifr_ifindex);
    if (!question.ask(SIOCGIFFLAGS)) return no_such_interface(name);
    const int flags = question.request().ifr_flags;
    found.up = flags & IFF_UP;
    found.running = found.up && (flags & IFF_RUNNING);
    if (!question.ask(SIOCGIFMTU)) return no_such_interface(name);
    found.mtu = static_cast<std::uint32_t>(question.request().ifr_mtu);
    if (!question.ask(SIOCGIFHWADDR)) return no_such_interface(name);
    const sockaddr& hardware = question.request().ifr_hwaddr;
    if (hardware.sa_family != ARPHRD_ETHER)
        return fail(Errc::not_supported, fmt::format("{} is not an Ethernet interface", name));
    std::memcpy(found.mac.bytes.data(), hardware.sa_data, found.mac.bytes.size());
    found.queues = receive_queues(question);
    return found;
}

Result<KernelInterface> interface_for_af_xdp(const std::string& name) {
    auto found = kernel_interface(name);
    if (!found) return found;
    if (const auto may = may_use_af_xdp(); !may) return tl::unexpected(may.error());
    if (!found->up)
        return fail(Errc::unavailable,
                    fmt::format("{0} is down; bring it up first: ip link set {0} up", name));
    if (found->mtu > kMaxMtu)
        return fail(Errc::not_supported,
                    fmt::format("{0} has an MTU of {1}; at most {2} is supported: ip link set {0} "
                                "mtu {2}",
                                name, found->mtu, kMaxMtu));
    if (found->queues > 1)
        return fail(Errc::not_supported,
                    fmt::format("{0} spreads what it receives over {1} queues and one is read; "
                                "give it one: ethtool -L {0} combined 1 (or rx 1)",
                                name, found->queues));
    return found;
}

}  // namespace usher
