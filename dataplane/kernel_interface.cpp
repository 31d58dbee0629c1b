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

constexpr std::uint32_t kMaxQueues = 64;  // of an interface; the XDP program's map has as many

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
void count_queues(Question& question, KernelInterface& found) {
    ethtool_channels channels{};
    channels.cmd = ETHTOOL_GCHANNELS;
    question.request().ifr_data = reinterpret_cast<char*>(&channels);
    if (!question.ask(SIOCETHTOOL)) return;
    found.queues = std::max(1U, channels.rx_count + channels.combined_count);
    found.combined = channels.rx_count == 0 && channels.combined_count > 0;
}

bool joins_received(Question& question) {
    ethtool_value flags{ETHTOOL_GFLAGS, 0};
    question.request().ifr_data = reinterpret_cast<char*>(&flags);
    return question.ask(SIOCETHTOOL) && (flags.data & ETH_FLAG_LRO) != 0;
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
        return fail(
            Errc::not_supported,
            fmt::format("{} is not an Ethernet interface; name another one in [[interface]]",
                        name));
    std::memcpy(found.mac.bytes.data(), hardware.sa_data, found.mac.bytes.size());
    found.large_receive = joins_received(question);
    count_queues(question, found);
    return found;
}

// The driver would say only that it did not work.
Result<void> may_use_af_xdp() {
    const UniqueFd probe(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (probe.get() >= 0) return {};
    if (errno == EPERM || errno == EACCES)
        return fail(Errc::permission, "AF_XDP is not permitted; run as root");
    return fail(Errc::not_supported,
                fmt::format("this kernel has no AF_XDP sockets: {}; use one with "
                            "CONFIG_XDP_SOCKETS, or attach = \"pci\"",
                            std::strerror(errno)));
}

Result<void> check_state(const std::string& name, const KernelInterface& found, MayBeDown down) {
    if (!found.up && down == MayBeDown::no)
        return fail(Errc::unavailable,
                    fmt::format("{0} is down; bring it up first: ip link set {0} up", name));
    if (found.mtu > kMaxMtu)
        return fail(Errc::not_supported,
                    fmt::format("{0} has an MTU of {1}; at most {2} is supported: ip link set {0} "
                                "mtu {2}",
                                name, found.mtu, kMaxMtu));
    return {};
}

Result<void> check_queues(const std::string& name, const KernelInterface& found,
                          std::uint32_t queues) {
    const std::uint32_t wanted = queues > 0 ? queues : found.queues;
    if (wanted > 1 && !found.combined)
        return fail(
            Errc::not_supported,
            fmt::format("{0}: AF_XDP can have one of its receive queues only, as its driver "
                        "does not pair them with transmit queues (ethtool -l {0} shows no "
                        "combined ones); it has {1}{2}: ethtool -L {0} rx 1",
                        name, found.queues,
                        queues > 1 ? fmt::format(", and the file says queues = {}", queues) : ""));
    if (wanted != found.queues)
        return fail(Errc::invalid,
                    fmt::format("{0} spreads what it receives over {1} queues and the file says "
                                "queues = {2}: ethtool -L {0} combined {2}, or leave queues out",
                                name, found.queues, queues));
    if (wanted > kMaxQueues)
        return fail(
            Errc::not_supported,
            fmt::format("{0} has {1} receive queues, and at most {2} are supported: ethtool "
                        "-L {0} combined {2}",
                        name, wanted, kMaxQueues));
    return {};
}

Result<KernelInterface> interface_for_af_xdp(const std::string& name, std::uint32_t queues,
                                             MayBeDown down) {
    auto found = kernel_interface(name);
    if (!found) return found;
    const auto fits =
        may_use_af_xdp().and_then([&] { return check_state(name, *found, down); }).and_then([&] {
            return check_queues(name, *found, queues);
        });
    if (!fits) return tl::unexpected(fits.error());
    return found;
}

}  // namespace usher
