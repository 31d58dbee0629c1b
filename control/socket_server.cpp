// SPDX-License-Identifier: BSD-3-Clause
#include "control/socket_server.hpp"

#include <grp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "control/socket_client.hpp"
#include "control/wire.hpp"

namespace usher {
namespace {

tl::unexpected<Error> system_error(const std::string& what) {
    const Errc code = errno == EACCES || errno == EPERM ? Errc::permission : Errc::unavailable;
    return fail(code, what + ": " + std::strerror(errno));
}

Result<sockaddr_un> socket_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return fail(Errc::invalid, "control socket '" + path + "': the path must have 1 to " +
                                       std::to_string(sizeof address.sun_path - 1) + " bytes");
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

UniqueFd unix_socket() {
    return UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int connect_to(int fd, const sockaddr_un& address) {
    return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Result<void> make_directory(const std::filesystem::path& directory) {
    std::error_code ignored;
    if (directory.empty() || std::filesystem::exists(directory, ignored)) return {};
    if (auto above = make_directory(directory.parent_path()); !above) return above;
    if (mkdir(directory.c_str(), 0755) == 0) {
        // The umask has taken away what the socket's group needs.
        if (chmod(directory.c_str(), 0755) == 0) return {};
    } else if (errno == EEXIST) {
        return {};
    }
    return system_error("cannot make the directory " + directory.string());
}

// Removes what a killed daemon left; refuses to touch anything else.
Result<void> clear_way(const std::string& path, const sockaddr_un& address) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) return {};
        return system_error("control socket " + path);
    }
    if (!S_ISSOCK(status.st_mode))
        return fail(Errc::exists, path +
                                      " is there and is not a socket; remove it, or set "
                                      "another control socket");
    const UniqueFd probe = unix_socket();
    if (connect_to(probe.get(), address) == 0 || errno == EAGAIN)
        return fail(Errc::exists, "another daemon answers on " + path +
                                      "; stop it first, or set another control socket");
    if (errno != ECONNREFUSED) return system_error("control socket " + path);
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return system_error("cannot remove " + path);
    return {};
}

Result<void> set_access(const std::string& path, const std::string& group) {
    if (group.empty()) {
        if (chmod(path.c_str(), 0600) != 0) return system_error("chmod " + path);
        return {};
    }
    const ::group* entry = getgrnam(group.c_str());
    if (entry == nullptr)
        return fail(Errc::invalid, "control socket: there is no group '" + group + "'");
    if (lchown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0 ||
        chmod(path.c_str(), 0660) != 0)
        return system_error("cannot give " + path + " to the group " + group);
    return {};
}

Result<UniqueFd> bind_and_listen(const ControlConfig& config, const sockaddr_un& address) {
    UniqueFd fd = unix_socket();
    if (!fd) return system_error("socket");
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return system_error("cannot make the control socket " + config.socket);
    if (const auto access = set_access(config.socket, config.group); !access) {
        unlink(config.socket.c_str());
        return tl::unexpected<Error>(access.error());
    }
    if (::listen(fd.get(), SOMAXCONN) != 0) return system_error("listen " + config.socket);
    return fd;
}

// Who connected; the kernel noted it then.
bool is_roots(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0;
}

std::uint64_t inode_of(const std::string& path) {
    struct stat status {};
    return lstat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

}  // namespace

Result<std::unique_ptr<SocketServer>> SocketServer::listen(EventLoop& loop,
                                                           const ControlConfig& config,
                                                           OnLine on_line, SocketLimits limits) {
    const auto address = socket_address(config.socket);
    if (!address) return tl::unexpected<Error>(address.error());
    const auto parent = std::filesystem::path(config.socket).parent_path();
    if (const auto ok = make_directory(parent); !ok) return tl::unexpected<Error>(ok.error());
    if (const auto ok = clear_way(config.socket, *address); !ok)
        return tl::unexpected<Error>(ok.error());
    auto listener = bind_and_listen(config, *address);
    if (!listener) return tl::unexpected<Error>(listener.error());
    std::unique_ptr<SocketServer> server(
        new SocketServer(loop, *std::move(listener), config.socket, std::move(on_line), limits));
    if (const auto ok = server->start(); !ok) return tl::unexpected<Error>(ok.error());
    return server;
}

SocketServer::SocketServer(EventLoop& loop, UniqueFd listener, std::string path, OnLine on_line,
                           SocketLimits limits)
    : loop_(loop),
      listener_(std::move(listener)),
      path_(std::move(path)),
      on_line_(std::move(on_line)),
      limits_(limits),
      inode_(inode_of(path_)) {}

Result<void> SocketServer::start() {
    const auto period = std::min(limits_.unfinished_line / 4, std::chrono::milliseconds(1000));
    const auto timer = loop_.every(period, [this] { close_late(); });
    if (!timer) return tl::unexpected<Error>(timer.error());
    timer_ = *timer;
    return loop_.add(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_all(); });
}

SocketServer::~SocketServer() {
    loop_.cancel(timer_);
    loop_.remove(listener_.get());
    while (!clients_.empty())
        drop(clients_.begin()->first);
    if (inode_ != 0 && inode_of(path_) == inode_) unlink(path_.c_str());
}

void SocketServer::accept_all() {
    while (true) {
        UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (fd) {
            accept_one(std::move(fd));
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        // Out of descriptors: the client stays in the queue; close_late() looks again.
        if (errno != EAGAIN) loop_.change(listener_.get(), 0);
        return;
    }
}

// Makes one if it has to.
bool SocketServer::has_place(bool for_root) {
    if (clients_.size() < limits_.clients) return true;
    auto idlest = clients_.end();
    for (auto each = clients_.begin(); each != clients_.end(); ++each) {
        const Client& client = *each->second;
        if (!client.is_idle() || (client.is_root() && !for_root)) continue;
        if (idlest == clients_.end() || client.since() < idlest->second->since()) idlest = each;
    }
    if (idlest != clients_.end()) {
        drop(idlest->first);
        return true;
    }
    return for_root && clients_.size() < limits_.clients + limits_.roots;
}

void SocketServer::accept_one(UniqueFd fd) {
    const bool is_root = is_roots(fd.get());
    if (!has_place(is_root)) {
        const std::string line = failure_line(
            {Errc::no_space, std::to_string(clients_.size()) + " clients are connected already"});
        // It has all of its buffer free; if it is gone nobody minds.
        [[maybe_unused]] const auto sent =
            send(fd.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        return;
    }
    const int number = fd.get();
    auto client = std::make_unique<Client>(std::move(fd), limits_, is_root);
    const auto serve_it = [this, number](std::uint32_t events) { serve(number, events); };
    if (!loop_.add(number, EPOLLIN, serve_it)) return;
    clients_[number] = std::move(client);
}

void SocketServer::serve(int fd, std::uint32_t) {
    Client& client = *clients_.at(fd);
    client.turn(on_line_);
    if (client.finished()) return drop(fd);
    loop_.change(fd, client.interest());
}

void SocketServer::close_late() {
    loop_.change(listener_.get(), EPOLLIN);
    std::vector<int> late;
    for (const auto& [fd, client] : clients_)
        if (client->late(Client::Clock::now())) late.push_back(fd);
    for (const int fd : late) {
        clients_.at(fd)->say_late();
        drop(fd);
    }
}

void SocketServer::drop(int fd) {
    loop_.remove(fd);
    clients_.erase(fd);
}

}  // namespace usher
