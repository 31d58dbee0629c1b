// SPDX-License-Identifier: BSD-3-Clause
#include "control/netlink_decode.hpp"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

namespace usher {

namespace {

// The attributes of a message by type; an attribute shorter than what is asked for is absent.
class Attributes {
  public:
    Attributes(const nlmsghdr* message, std::size_t header) {
        mnl_attr_parse(message, static_cast<unsigned>(header), keep, this);
    }
    Attributes(const void* payload, std::size_t size) {
        mnl_attr_parse_payload(payload, size, keep, this);
    }

    std::optional<std::uint32_t> number(std::size_t type) const {
        if (!has(type, sizeof(std::uint32_t))) return std::nullopt;
        return mnl_attr_get_u32(found_[type]);
    }
    std::span<const std::uint8_t> bytes(std::size_t type) const {
        if (found_[type] == nullptr) return {};
        return {static_cast<const std::uint8_t*>(mnl_attr_get_payload(found_[type])),
                mnl_attr_get_payload_len(found_[type])};
    }
    std::string text(std::size_t type) const {
        const auto found = bytes(type);
        return std::string(found.begin(), found.end()).c_str();  // up to the terminating zero
    }
    std::optional<Attributes> inside(std::size_t type) const {
        if (found_[type] == nullptr) return std::nullopt;
        return Attributes(mnl_attr_get_payload(found_[type]),
                          mnl_attr_get_payload_len(found_[type]));
    }
    const nlattr* get(std::size_t type) const { return found_[type]; }

  private:
    static int keep(const nlattr* attribute, void* self) {
        const std::uint16_t type = mnl_attr_get_type(attribute);
        if (type <= kHighest) static_cast<Attributes*>(self)->found_[type] = attribute;
        return MNL_CB_OK;
    }
    bool has(std::size_t type, std::size_t size) const {
        return found_[type] != nullptr && mnl_attr_get_payload_len(found_[type]) >= size;
    }
    static constexpr std::size_t kHighest = 63;  // no type that is asked for is higher
    std::array<const nlattr*, kHighest + 1> found_{};
};

std::optional<IpAddress> to_address(std::span<const std::uint8_t> bytes) {
    if (bytes.size() == 4) {
        std::uint32_t raw = 0;
        std::memcpy(&raw, bytes.data(), sizeof(raw));
        return IpAddress(Be32::from_raw(raw));
    }
    if (bytes.size() != 16) return std::nullopt;
    std::array<std::uint8_t, 16> v6{};
    std::memcpy(v6.data(), bytes.data(), v6.size());
    return IpAddress(v6);
}

MacAddress to_mac(std::span<const std::uint8_t> bytes) {
    MacAddress mac;
    if (bytes.size() == mac.bytes.size()) std::memcpy(mac.bytes.data(), bytes.data(), bytes.size());
    return mac;
}

bool is_ip(std::uint8_t family) {
    return family == AF_INET || family == AF_INET6;
}

bool holds(const nlmsghdr* message, std::size_t header) {
    return mnl_nlmsg_get_payload_len(message) >= header;
}

// RTA_VIA: a gateway of the other family, behind its two-byte family.
std::optional<IpAddress> gateway_of(std::span<const std::uint8_t> gateway,
                                    std::span<const std::uint8_t> via) {
    if (!gateway.empty()) return to_address(gateway);
    return via.size() > 2 ? to_address(via.subspan(2)) : std::nullopt;
}

// What kind of virtual device it is, and of a VLAN device its tag.
void read_kind(const Attributes& info, KernelLink& link) {
    link.kind = info.text(IFLA_INFO_KIND);
    if (link.kind != "vlan") return;
    const auto data = info.inside(IFLA_INFO_DATA);
    if (!data) return;
    if (const auto id = data->bytes(IFLA_VLAN_ID); id.size() >= 2)
        std::memcpy(&link.vlan, id.data(), sizeof(link.vlan));
    constexpr std::array<std::uint8_t, 2> kCustomerTag = {0x81, 0x00};
    const auto protocol = data->bytes(IFLA_VLAN_PROTOCOL);
    link.service_tag = protocol.size() >= 2 &&
                       !std::equal(kCustomerTag.begin(), kCustomerTag.end(), protocol.begin());
}

std::vector<KernelNextHop> multipath(const nlattr* attribute) {
    std::vector<KernelNextHop> hops;
    const auto* hop = static_cast<const rtnexthop*>(mnl_attr_get_payload(attribute));
    auto left = static_cast<int>(mnl_attr_get_payload_len(attribute));
    while (RTNH_OK(hop, left)) {
        const Attributes inner(RTNH_DATA(hop), hop->rtnh_len - sizeof(*hop));
        if (!(hop->rtnh_flags & RTNH_F_DEAD))
            hops.push_back({.gateway = gateway_of(inner.bytes(RTA_GATEWAY), inner.bytes(RTA_VIA)),
                            .ifindex = static_cast<unsigned>(hop->rtnh_ifindex),
                            .weight = hop->rtnh_hops + 1U});
        left -= RTNH_ALIGN(hop->rtnh_len);
        hop = RTNH_NEXT(hop);
    }
    return hops;
}

}  // namespace

std::optional<KernelLink> decode_link(const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWLINK || !holds(message, sizeof(ifinfomsg)))
        return std::nullopt;
    const auto* header = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
    if (header->ifi_family != AF_UNSPEC) return std::nullopt;  // a bridge's view of its ports
    const Attributes attributes(message, sizeof(*header));
    KernelLink link;
    link.ifindex = static_cast<unsigned>(header->ifi_index);
    link.name = attributes.text(IFLA_IFNAME);
    link.mac = to_mac(attributes.bytes(IFLA_ADDRESS));
    link.mtu = attributes.number(IFLA_MTU).value_or(0);
    link.up = header->ifi_flags & IFF_UP;
    link.carrier = header->ifi_flags & IFF_LOWER_UP;
    // In another namespace the number is another interface's.
    if (attributes.get(IFLA_LINK_NETNSID) == nullptr)
        link.parent = attributes.number(IFLA_LINK).value_or(0);
    link.master = attributes.number(IFLA_MASTER).value_or(0);
    if (const auto info = attributes.inside(IFLA_LINKINFO)) read_kind(*info, link);
    return link;
}

std::optional<KernelAddress> decode_address(const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWADDR || !holds(message, sizeof(ifaddrmsg)))
        return std::nullopt;
    const auto* header = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
    if (!is_ip(header->ifa_family)) return std::nullopt;
    const Attributes attributes(message, sizeof(*header));
    // On a point-to-point link IFA_ADDRESS is the other end's; IFA_LOCAL is always ours.
    auto address = to_address(attributes.bytes(IFA_LOCAL));
    if (!address) address = to_address(attributes.bytes(IFA_ADDRESS));
    if (!address) return std::nullopt;
    const std::uint32_t flags = attributes.number(IFA_FLAGS).value_or(header->ifa_flags);
    return KernelAddress{.ifindex = header->ifa_index,
                         .address = *address,
                         .prefix_length = header->ifa_prefixlen,
                         .tentative = (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0,
                         .secondary = (flags & IFA_F_SECONDARY) != 0,
                         .deprecated = (flags & IFA_F_DEPRECATED) != 0};
}

std::optional<KernelRoute> decode_route(const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWROUTE || !holds(message, sizeof(rtmsg))) return std::nullopt;
    const auto* header = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
    const bool refuses = header->rtm_type == RTN_UNREACHABLE || header->rtm_type == RTN_BLACKHOLE ||
                         header->rtm_type == RTN_PROHIBIT;
    if (!is_ip(header->rtm_family) || (header->rtm_flags & RTM_F_CLONED)) return std::nullopt;
    if (header->rtm_type != RTN_UNICAST && !refuses) return std::nullopt;
    const Attributes attributes(message, sizeof(*header));
    if (attributes.number(RTA_TABLE).value_or(header->rtm_table) != RT_TABLE_MAIN)
        return std::nullopt;

    const IpAddress any = header->rtm_family == AF_INET ? IpAddress(Be32())
                                                        : IpAddress(std::array<std::uint8_t, 16>{});
    KernelRoute route;
    route.destination =
        Prefix::of(to_address(attributes.bytes(RTA_DST)).value_or(any), header->rtm_dst_len);
    route.metric = attributes.number(RTA_PRIORITY).value_or(0);
    if (refuses) return route;
    if (const nlattr* hops = attributes.get(RTA_MULTIPATH)) {
        route.next_hops = multipath(hops);
    } else if (!(header->rtm_flags & RTNH_F_DEAD)) {
        route.next_hops.push_back(
            {.gateway = gateway_of(attributes.bytes(RTA_GATEWAY), attributes.bytes(RTA_VIA)),
             .ifindex = attributes.number(RTA_OIF).value_or(0)});
    }
    if (const auto metrics = attributes.inside(RTA_METRICS))
        for (KernelNextHop& hop : route.next_hops)
            hop.mtu =
                static_cast<std::uint16_t>(std::min(metrics->number(RTAX_MTU).value_or(0), 65535U));
    if (route.next_hops.empty()) return std::nullopt;  // all dead: the next best route counts
    return route;
}

std::optional<NeighbourNews> decode_neighbour(const nlmsghdr* message) {
    if (!holds(message, sizeof(ndmsg))) return std::nullopt;
    const auto* header = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
    if (!is_ip(header->ndm_family) || (header->ndm_flags & NTF_PROXY)) return std::nullopt;
    const Attributes attributes(message, sizeof(*header));
    const auto address = to_address(attributes.bytes(NDA_DST));
    if (!address || address->is_multicast()) return std::nullopt;

    NeighbourNews news;
    news.key = {.ifindex = static_cast<unsigned>(header->ndm_ifindex), .address = *address};
    if (message->nlmsg_type == RTM_DELNEIGH || header->ndm_state == NUD_NONE) return news;
    constexpr int kUsable = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;
    const auto mac = attributes.bytes(NDA_LLADDR);
    KernelNeighbour neighbour;
    if ((header->ndm_state & kUsable) && mac.size() == neighbour.mac.bytes.size()) {
        neighbour = {.state = NeighbourState::usable, .mac = to_mac(mac)};
        news.unconfirmed = header->ndm_state & NUD_STALE;
    } else if (header->ndm_state & NUD_FAILED) {
        neighbour.state = NeighbourState::failed;
    } else if (!(header->ndm_state & NUD_INCOMPLETE)) {
        return std::nullopt;  // NUD_NOARP: loopback and the like
    }
    news.neighbour = neighbour;
    return news;
}

Error unasked(const IpAddress& address, int error) {
    if (error == ENOBUFS)
        return {Errc::no_space,
                fmt::format("Linux's table of neighbours is full, and has no room for {0}: packets "
                            "for it are dropped; sysctl -w net.{1}.neigh.default.gc_thresh3=N, "
                            "more than there are neighbours",
                            address.to_string(), address.is_ipv4() ? "ipv4" : "ipv6")};
    return {error == EPERM || error == EACCES ? Errc::permission : Errc::unavailable,
            fmt::format("the kernel does not let us ask for neighbour {}: {}", address.to_string(),
                        std::strerror(error))};
}

}  // namespace usher
