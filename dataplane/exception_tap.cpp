// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/exception_tap.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace usher {

namespace {

ifreq request_for(const std::string& name) {
    ifreq request{};
    name.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
    return request;
}

Error cannot_take(const std::string& name, int error) {
    switch (error) {
        case EBUSY:
            return {Errc::exists, fmt::format("{0}: Linux has such an interface already, which is "
                                              "no tap or in use by another program; `ip link show "
                                              "{0}` shows it",
                                              name)};
        case EINVAL:
            return {Errc::exists, fmt::format("{0}: Linux has such an interface already, and it is "
                                              "not a plain tap; remove or rename it: ip link set "
                                              "{0} name OTHER",
                                              name)};
        case EPERM:
            return {Errc::permission, fmt::format("{}: a tap is not permitted; run as root", name)};
        default:
            return {Errc::unavailable, fmt::format("{}: Linux makes no tap of this name: {}", name,
                                                   std::strerror(error))};
    }
}

}  // namespace

Result<ExceptionTap> ExceptionTap::open(const std::string& name, const MacAddress& mac,
                                        std::uint16_t mtu) {
    ExceptionTap tap;
    if (const auto taken = tap.take(name); !taken) return tl::unexpected(taken.error());
    tap.set_link(false);
    if (const auto dressed = tap.dress(mac, mtu); !dressed) return tl::unexpected(dressed.error());
    return tap;
}

Result<void> ExceptionTap::take(const std::string& name) {
    fd_ = UniqueFd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd_)
        return fail(Errc::unavailable,
                    fmt::format("{}: /dev/net/tun cannot be opened ({}): modprobe tun; in a "
                                "container, allow the device",
                                name, std::strerror(errno)));
    ifreq request = request_for(name);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (ioctl(fd_.get(), TUNSETIFF, &request) < 0) return tl::unexpected(cannot_take(name, errno));
    name_ = name;
    ifindex_ = if_nametoindex(name.c_str());
    return {};
}

Result<void> ExceptionTap::dress(const MacAddress& mac, std::uint16_t mtu) const {
    const UniqueFd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto set = [&](unsigned long what, ifreq& request) {
        return ioctl(any.get(), what, &request) == 0;
    };
    ifreq request = request_for(name_);
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    std::memcpy(request.ifr_hwaddr.sa_data, mac.bytes.data(), mac.bytes.size());
    bool done = set(SIOCSIFHWADDR, request);
    request = request_for(name_);
    request.ifr_mtu = mtu;
    done = done && set(SIOCSIFMTU, request);
    request = request_for(name_);
    done = done && set(SIOCGIFFLAGS, request);
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    done = done && set(SIOCSIFFLAGS, request);
    if (done) return {};
    return fail(
        Errc::unavailable,
        fmt::format("{0}: it does not take the NIC's address {1} and MTU {2}: {3}; see what "
                    "other programs do with {0}",
                    name_, mac.to_string(), mtu, std::strerror(errno)));
}

void ExceptionTap::set_link(bool up) {
    if (up == link_) return;
    int carrier = up ? 1 : 0;
    if (ioctl(fd_.get(), TUNSETCARRIER, &carrier) == 0) link_ = up;
}

}  // namespace usher
