// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cli/daemon.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "conf/model.hpp"

namespace usher {
namespace {

constexpr timeval kPatience{120, 0};  // a change is answered when every worker has seen it

}  // namespace

std::string default_socket_path() {
    const char* path = std::getenv("USHER_SOCKET");
    return path != nullptr && *path != '\0' ? path : ControlConfig{}.socket;
}

SocketDaemon::~SocketDaemon() {
    if (socket_ >= 0) close(socket_);
}

tl::unexpected<Error> SocketDaemon::lost(std::string_view what, int error) const {
    const bool late = error == EAGAIN || error == EWOULDBLOCK;
    return fail(Errc::unavailable, fmt::format("usher: {} usherd at {}: {}", what, path_,
                                               late ? "no answer in time" : std::strerror(error)));
}

Result<void> SocketDaemon::connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path) return lost("cannot reach", ENAMETOOLONG);
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket_ < 0) return lost("cannot reach", errno);
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
    // A reinterpreting cast is what the sockets interface asks for.
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(socket_, generic, sizeof address) == 0) return {};

    const int error = errno;
    close(socket_);
    socket_ = -1;
    tl::unexpected<Error> failure = lost("cannot reach", error);
    failure.value().message += error == EACCES || error == EPERM
                                   ? ". Only root, and the group that its configuration names, may"
                                   : ". Is it running? Start it with: usherd --config "
                                     "/etc/usher/usher.toml";
    return failure;
}

Result<void> SocketDaemon::send(std::string_view line) {
    while (!line.empty()) {
        const ssize_t sent = ::send(socket_, line.data(), line.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        // A daemon that refuses a client says why before it closes: let receive() find that.
        if (sent < 0 && errno == EPIPE) return {};
        if (sent < 0) return lost("cannot write to", errno);
        line.remove_prefix(static_cast<std::size_t>(sent));
    }
    return {};
}

Result<std::string> SocketDaemon::receive() {
    std::size_t searched = 0;
    for (;;) {
        const std::size_t end = received_.find('\n', searched);
        if (end != std::string::npos) {
            std::string line = received_.substr(0, end);
            received_.erase(0, end + 1);
            return line;
        }
        searched = received_.size();
        char buffer[65536];
        const ssize_t got = recv(socket_, buffer, sizeof buffer, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return lost("cannot read from", errno);
        if (got == 0) return lost("lost the connection to", ECONNRESET);
        received_.append(buffer, static_cast<std::size_t>(got));
    }
}

Result<Reply> SocketDaemon::ask(const Json& request) {
    if (socket_ < 0)
        if (auto connected = connect(); !connected) return tl::unexpected(connected.error());
    if (auto sent = send(to_line(request)); !sent) return tl::unexpected(sent.error());
    const Result<std::string> line = receive();
    if (!line) return tl::unexpected(line.error());
    Result<Reply> reply = read_reply(*line);
    if (!reply)
        return fail(Errc::unavailable, fmt::format("usher: {} is not usherd's socket: {}", path_,
                                                   reply.error().message));
    return reply;
}

}  // namespace usher
