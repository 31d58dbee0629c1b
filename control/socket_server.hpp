// SPDX-License-Identifier: BSD-3-Clause
// The control socket: lines in, lines out, for many clients on one event loop. It knows nothing of
// what the lines say. Control thread only.
//
// One client cannot hurt another: nothing here blocks, a client gets one line answered a turn, is
// not read from while it has a reply to fetch, and is held to SocketLimits. A client that hangs up
// is forgotten, with whatever of its lines was not answered yet; one that only ends its sending
// half gets all its replies first. When there are too many, the one that has asked nothing for the
// longest goes; it is one of root's for root only, and some places are root's alone: nobody of the
// socket's group can lock root out.
//
// Nobody can connect before the file has its final mode and group, because listening begins after.
// A file left by a daemon that was killed is replaced; one on which a daemon answers is an error.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "conf/model.hpp"
#include "conf/result.hpp"
#include "control/event_loop.hpp"

namespace usher {

// docs/protocol.md. Tests use smaller ones.
struct SocketLimits {
    std::size_t line = std::size_t{32} << 20;     // bytes, without the LF
    std::size_t backlog = std::size_t{64} << 20;  // bytes of replies not read yet
    std::size_t clients = 64;
    std::size_t roots = 8;  // clients more, when they are root's
    std::chrono::milliseconds unfinished_line{30000};
};

class SocketServer {
  public:
    using OnLine = std::function<std::string(std::string_view line)>;  // the reply, with its LF

    // Makes the parent directory (0755) if it is missing. Errors, each with a sentence: a name too
    // long for a socket, no such group, another daemon answers, no permission.
    // The loop must outlive the server.
    static Result<std::unique_ptr<SocketServer>> listen(EventLoop& loop,
                                                        const ControlConfig& config, OnLine on_line,
                                                        SocketLimits limits = {});
    SocketServer(const SocketServer&) = delete;
    SocketServer& operator=(const SocketServer&) = delete;
    ~SocketServer();  // closes all clients and removes the file, if it still is ours

    std::size_t clients() const { return clients_.size(); }

  private:
    class Client;

    SocketServer(EventLoop& loop, UniqueFd listener, std::string path, OnLine on_line,
                 SocketLimits limits);
    Result<void> start();
    void accept_all();
    void accept_one(UniqueFd fd);
    bool has_place(bool for_root);
    void serve(int fd, std::uint32_t events);
    void close_late();
    void drop(int fd);

    EventLoop& loop_;
    UniqueFd listener_;
    std::string path_;
    OnLine on_line_;
    SocketLimits limits_;
    EventLoop::TimerId timer_ = -1;
    std::map<int, std::unique_ptr<Client>> clients_;
    std::uint64_t inode_ = 0;  // of our file, to see whether it is still ours when we leave
};

}  // namespace usher
