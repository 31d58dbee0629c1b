// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/vlan_offload.hpp"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <optional>

#include "nat/unique_fd.hpp"

namespace usher {

namespace {

std::optional<std::uint32_t> flags(const std::string& interface, std::uint32_t command,
                                   std::uint32_t value = 0) {
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ethtool_value request{};
    request.cmd = command;
    request.data = value;
    ifreq wrapped{};
    interface.copy(wrapped.ifr_name, sizeof(wrapped.ifr_name) - 1);
    wrapped.ifr_data = reinterpret_cast<char*>(&request);
    if (ioctl(socket.get(), SIOCETHTOOL, &wrapped) != 0) return std::nullopt;
    return request.data;
}

bool takes_tags_off(const std::string& interface) {
    return flags(interface, ETHTOOL_GFLAGS).value_or(0) & ETH_FLAG_RXVLAN;
}

}  // namespace

Result<std::string> leave_tags_in_frames(const std::string& interface) {
    const std::uint32_t now = flags(interface, ETHTOOL_GFLAGS).value_or(0);
    if (!(now & ETH_FLAG_RXVLAN)) return std::string();
    static_cast<void>(flags(interface, ETHTOOL_SFLAGS, now & ~std::uint32_t{ETH_FLAG_RXVLAN}));
    if (takes_tags_off(interface))
        return fail(Errc::not_supported,
                    fmt::format("{0} takes VLAN tags off before XDP sees them and cannot be told "
                                "not to (ethtool -K {0} rxvlan off); its VLANs cannot be served",
                                interface));
    return fmt::format("{}: it leaves VLAN tags in the frames now (rxvlan off)", interface);
}

}  // namespace usher
