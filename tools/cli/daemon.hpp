// SPDX-License-Identifier: BSD-3-Clause
// The daemon, as the command line sees it: a request goes in, a reply comes out.
#pragma once

#include <string>
#include <string_view>

#include "control/wire.hpp"

namespace usher {

class Daemon {
  public:
    Daemon() = default;
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;
    virtual ~Daemon() = default;

    // An error means that there was no reply: Errc::unavailable with a sentence saying why and what
    // to do. A refusal is a Reply that is not ok.
    virtual Result<Reply> ask(const Json& request) = 0;
};

// Over the unix socket; connects at the first request and keeps the connection. One thread.
class SocketDaemon : public Daemon {
  public:
    explicit SocketDaemon(std::string path) : path_(std::move(path)) {}
    ~SocketDaemon() override;

    Result<Reply> ask(const Json& request) override;

  private:
    Result<void> connect();
    Result<void> send(std::string_view line);
    Result<std::string> receive();  // one line, without its LF
    tl::unexpected<Error> lost(std::string_view what, int error) const;

    std::string path_;
    int socket_ = -1;
    std::string received_;  // bytes after the last reply
};

// $USHER_SOCKET, else /run/usher/usher.sock.
std::string default_socket_path();

}  // namespace usher
