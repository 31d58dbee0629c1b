// SPDX-License-Identifier: BSD-3-Clause
#include "control/kernel_network.hpp"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>
#include <utility>

#include "control/netlink_decode.hpp"

namespace usher {

namespace {

constexpr std::size_t kBuffer = 32 * 1024;  // the kernel fills at most this much at once
constexpr int kNewsBytes = 4 * 1024 * 1024;
constexpr int kDumpAttempts = 8;
constexpr std::array<std::uint8_t, 2> kFamilies = {AF_INET, AF_INET6};

using Buffer = std::array<char, kBuffer>;

tl::unexpected<Error> refused(const char* what, int error = errno) {
    return fail(error == EPERM || error == EACCES ? Errc::permission : Errc::unavailable,
                fmt::format("the kernel does not let us {}: {}", what, std::strerror(error)));
}

mnl_socket* open_requests() {
    mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (socket == nullptr || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0) return socket;
    const int error = errno;
    mnl_socket_close(socket);
    errno = error;
    return nullptr;
}

bool is_before(const KernelRoute& a, const KernelRoute& b) {
    return std::tuple(b.destination.length, a.destination, a.metric) <
           std::tuple(a.destination.length, b.destination, b.metric);
}

// IPv6 lists the hops of one route singly; in IPv4 the first of equal routes is the one that
// counts.
void merge_equal(std::vector<KernelRoute>& sorted) {
    std::vector<KernelRoute> merged;
    for (KernelRoute& route : sorted) {
        const bool again = !merged.empty() && merged.back().destination == route.destination &&
                           merged.back().metric == route.metric;
        if (!again) {
            merged.push_back(std::move(route));
        } else if (!route.destination.address.is_ipv4()) {
            auto& hops = merged.back().next_hops;
            hops.insert(hops.end(), route.next_hops.begin(), route.next_hops.end());
        }
    }
    sorted = std::move(merged);
}

}  // namespace

const KernelLink* KernelNetwork::link(const std::string& name) const {
    const auto found = std::find_if(links.begin(), links.end(),
                                    [&](const auto& entry) { return entry.second.name == name; });
    return found == links.end() ? nullptr : &found->second;
}

const KernelRoute* KernelNetwork::route_to(const IpAddress& address) const {
    const auto found = std::find_if(routes.begin(), routes.end(), [&](const KernelRoute& route) {
        return route.destination.contains(address);
    });
    return found == routes.end() ? nullptr : &*found;
}

const KernelRoute* KernelNetwork::untold_route() const {
    const auto found = std::find_if(routes.begin(), routes.end(), [](const KernelRoute& route) {
        return !route.next_hops.empty() && route.next_hops.front().ifindex == 0;
    });
    return found == routes.end() ? nullptr : &*found;
}

bool KernelNetwork::is_local(const IpAddress& address) const {
    return std::any_of(addresses.begin(), addresses.end(),
                       [&](const KernelAddress& own) { return own.address == address; });
}

void KernelMirror::Closer::operator()(mnl_socket* socket) const {
    mnl_socket_close(socket);
}

Result<KernelMirror> KernelMirror::open() {
    KernelMirror mirror;
    // Subscribed first, read second: what changes in between comes twice rather than not at all.
    if (const auto subscribed = mirror.subscribe(); !subscribed)
        return tl::unexpected(subscribed.error());
    mirror.requests_.reset(open_requests());
    if (!mirror.requests_) return refused("read its network state");
    mirror.stale_ = {true, true, true, true};
    if (const auto read = mirror.read_again(); !read) return tl::unexpected(read.error());
    mirror.changed_ = false;
    return mirror;
}

Result<void> KernelMirror::subscribe() {
    news_.reset(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!news_ || mnl_socket_bind(news_.get(), 0, MNL_SOCKET_AUTOPID) < 0)
        return refused("follow its network state");
    // Best effort: a smaller buffer only means reading everything again more often.
    setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kNewsBytes, sizeof(kNewsBytes));
    for (int group : {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                      RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_NEXTHOP})
        if (mnl_socket_setsockopt(news_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
            return refused("follow its network state");
    return {};
}

int KernelMirror::fd() const {
    return mnl_socket_get_fd(news_.get());
}

Result<bool> KernelMirror::on_readable() {
    Buffer buffer;
    while (true) {
        const ssize_t size = mnl_socket_recvfrom(news_.get(), buffer.data(), buffer.size());
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && (errno == ENOBUFS || errno == ENOSPC)) {
            stale_ = {true, true, true, true};
            continue;
        }
        if (size < 0) return refused("follow its network state");
        auto left = static_cast<int>(size);
        const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
        for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
            take(message);
    }
    if (const auto read = read_again(); !read) return tl::unexpected(read.error());
    return std::exchange(changed_, false);
}

// Neighbours change often and their messages are complete: taken in one by one. The rest changes
// seldom, and messages do not tell all (Linux drops the IPv4 routes of a link that goes down
// without a word; an IPv6 message has one hop of several): read again, once for all the news.
void KernelMirror::take(const nlmsghdr* message) {
    switch (message->nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
            stale_.links = stale_.routes = true;
            break;
        case RTM_NEWADDR:
        case RTM_DELADDR:
            stale_.addresses = stale_.routes = true;
            break;
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
        case RTM_NEWNEXTHOP:  // an object that routes name; they are shown with what it says
        case RTM_DELNEXTHOP:
            stale_.routes = true;
            break;
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH:
            keep_neighbour(message);
            break;
        default:
            break;
    }
}

void KernelMirror::keep_neighbour(const nlmsghdr* message) {
    const auto news = decode_neighbour(message);
    if (!news) return;
    if (news->unconfirmed)
        unconfirmed_.insert(news->key);
    else
        unconfirmed_.erase(news->key);
    if (!news->neighbour) {
        changed_ |= network_.neighbours.erase(news->key) > 0;
        return;
    }
    const auto [entry, added] = network_.neighbours.try_emplace(news->key, *news->neighbour);
    changed_ |= added || entry->second != *news->neighbour;
    entry->second = *news->neighbour;
}

// What has been read is no longer stale, even if the next part cannot be.
Result<void> KernelMirror::read_again() {
    Result<void> read;
    const auto bring = [&](bool& stale, Result<void> (KernelMirror::*part)()) {
        if (!read || !stale) return;
        read = (this->*part)();
        if (read) stale = false;
    };
    bring(stale_.links, &KernelMirror::read_links);
    bring(stale_.addresses, &KernelMirror::read_addresses);
    bring(stale_.routes, &KernelMirror::read_routes);
    bring(stale_.neighbours, &KernelMirror::read_neighbours);
    return read;
}

template <class T>
void KernelMirror::replace(T& part, T&& now) {
    changed_ |= part != now;
    part = std::forward<T>(now);
}

// Of a conversation that broke off, answers may be left that the next one would take for its own.
void KernelMirror::renew_requests() {
    if (mnl_socket* fresh = open_requests()) requests_.reset(fresh);
}

// 0, or why not: EINTR when what it tells of changed meanwhile.
int KernelMirror::exchange(nlmsghdr* request, int (*each)(const nlmsghdr*, void*), void* data) {
    request->nlmsg_seq = ++sequence_;
    if (mnl_socket_sendto(requests_.get(), request, request->nlmsg_len) < 0) return errno;
    const unsigned port = mnl_socket_get_portid(requests_.get());
    Buffer buffer;
    int more = MNL_CB_OK;
    while (more > MNL_CB_STOP) {
        const ssize_t size = mnl_socket_recvfrom(requests_.get(), buffer.data(), buffer.size());
        if (size < 0) return errno;
        more =
            mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), sequence_, port, each, data);
    }
    return more < 0 ? errno : 0;
}

int KernelMirror::converse(nlmsghdr* request, int (*each)(const nlmsghdr*, void*), void* data) {
    const int error = exchange(request, each, data);
    if (error != 0) renew_requests();
    return error;
}

// `each` sees every message of the answer; an answer that changed while it was given is given
// again, after each(nullptr), which forgets.
template <class Each>
Result<void> KernelMirror::dump(std::uint16_t type, std::uint8_t family, Each each) {
    int error = EINTR;
    for (int attempt = 0; attempt < kDumpAttempts && error == EINTR; ++attempt) {
        std::array<char, 128> space{};
        nlmsghdr* request = mnl_nlmsg_put_header(space.data());
        request->nlmsg_type = type;
        request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        auto* header = static_cast<rtgenmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
        header->rtgen_family = family;
        each(nullptr);
        const auto callback = [](const nlmsghdr* message, void* data) {
            (*static_cast<Each*>(data))(message);
            return MNL_CB_OK;
        };
        error = converse(request, callback, &each);
    }
    if (error != 0) return refused("read its network state", error);
    return {};
}

Result<void> KernelMirror::read_links() {
    std::map<unsigned, KernelLink> links;
    const auto read = dump(RTM_GETLINK, AF_UNSPEC, [&](const nlmsghdr* message) {
        if (message == nullptr) return links.clear();
        if (auto link = decode_link(message)) links[link->ifindex] = std::move(*link);
    });
    if (read) replace(network_.links, std::move(links));
    return read;
}

Result<void> KernelMirror::read_addresses() {
    std::vector<KernelAddress> addresses;
    const auto read = dump(RTM_GETADDR, AF_UNSPEC, [&](const nlmsghdr* message) {
        if (message == nullptr) return addresses.clear();
        if (const auto address = decode_address(message)) addresses.push_back(*address);
    });
    if (read) replace(network_.addresses, std::move(addresses));
    return read;
}

Result<void> KernelMirror::read_routes() {
    std::vector<KernelRoute> all;
    for (const std::uint8_t family : kFamilies) {
        std::vector<KernelRoute> routes;
        const auto read = dump(RTM_GETROUTE, family, [&](const nlmsghdr* message) {
            if (message == nullptr) return routes.clear();
            if (auto route = decode_route(message)) routes.push_back(std::move(*route));
        });
        if (!read) return read;
        all.insert(all.end(), routes.begin(), routes.end());
    }
    std::stable_sort(all.begin(), all.end(), is_before);
    merge_equal(all);
    replace(network_.routes, std::move(all));
    return {};
}

Result<void> KernelMirror::read_neighbours_of(std::uint8_t family, Neighbours& all) {
    Neighbours some;
    const auto read = dump(RTM_GETNEIGH, family, [&](const nlmsghdr* message) {
        if (message == nullptr) {
            some = {};
            return;
        }
        const auto news = decode_neighbour(message);
        if (!news || !news->neighbour) return;
        some.known.insert_or_assign(news->key, *news->neighbour);
        if (news->unconfirmed) some.unconfirmed.insert(news->key);
    });
    all.known.merge(some.known);
    all.unconfirmed.merge(some.unconfirmed);
    return read;
}

Result<void> KernelMirror::read_neighbours() {
    Neighbours all;
    for (const std::uint8_t family : kFamilies)
        if (const auto read = read_neighbours_of(family, all); !read) return read;
    replace(network_.neighbours, std::move(all.known));
    unconfirmed_ = std::move(all.unconfirmed);
    return {};
}

Result<void> KernelMirror::ask(const NeighbourKey& key) {
    std::array<char, 256> space{};
    nlmsghdr* request = mnl_nlmsg_put_header(space.data());
    request->nlmsg_type = RTM_NEWNEIGH;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK;
    auto* header = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ndmsg)));
    header->ndm_family = key.address.is_ipv4() ? AF_INET : AF_INET6;
    header->ndm_ifindex = static_cast<int>(key.ifindex);
    header->ndm_state = NUD_NONE;
    header->ndm_flags = NTF_USE;
    mnl_attr_put(request, NDA_DST, static_cast<std::size_t>(key.address.bits() / 8),
                 key.address.bytes().data());
    if (const int error = converse(request, nullptr, nullptr); error != 0)
        return tl::unexpected(unasked(key.address, error));
    return {};
}

Result<void> KernelMirror::request_neighbour(unsigned ifindex, const IpAddress& address) {
    return ask({.ifindex = ifindex, .address = address});
}

Result<void> KernelMirror::refresh(const std::set<NeighbourKey>& in_use) {
    Result<void> outcome;
    for (const NeighbourKey& key : in_use) {
        const auto known = network_.neighbours.find(key);
        const bool asks = known == network_.neighbours.end() || unconfirmed_.count(key) != 0 ||
                          known->second.state == NeighbourState::failed;
        if (!asks) continue;
        if (auto asked = ask(key); !asked) outcome = asked;  // the others are asked all the same
    }
    return outcome;
}

}  // namespace usher
