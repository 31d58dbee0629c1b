// SPDX-License-Identifier: BSD-3-Clause
#include "control/socket_client.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "control/wire.hpp"

namespace usher {
namespace {

constexpr std::size_t kReadSize = std::size_t{64} << 10;
constexpr std::size_t kKeepCapacity = std::size_t{1} << 20;

// A client that once sent or got much does not keep the memory.
void empty(std::string& buffer) {
    buffer.clear();
    if (buffer.capacity() > kKeepCapacity) std::string().swap(buffer);
}

}  // namespace

void SocketServer::Client::turn(const OnLine& on_line) {
    write_some();
    if (pending() == 0 && !closing_ && !broken_) {
        if (!find_line()) read_some();
        answer_one(on_line);
        write_some();
    }
    note_wait();
}

std::uint32_t SocketServer::Client::interest() const {
    if (pending() != 0) return EPOLLOUT;
    // A line that waits for its turn: a socket that can be written to calls us again at once.
    const bool line_waits = scanned_ < in_.size() && in_[scanned_] == '\n';
    return end_of_input_ || line_waits ? EPOLLOUT : EPOLLIN;
}

void SocketServer::Client::read_some() {
    if (end_of_input_) return;
    in_.erase(0, begin_);
    scanned_ -= begin_;
    begin_ = 0;
    static thread_local std::array<char, kReadSize> chunk;
    const ssize_t got = recv(fd_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (got > 0) in_.append(chunk.data(), static_cast<std::size_t>(got));
    if (got == 0) end_of_input_ = true;
    if (got < 0 && errno != EAGAIN && errno != EINTR) broken_ = true;
}

bool SocketServer::Client::find_line() {
    const std::size_t end = in_.find('\n', scanned_);
    scanned_ = end == std::string::npos ? in_.size() : end;
    return end != std::string::npos;
}

void SocketServer::Client::answer_one(const OnLine& on_line) {
    if (broken_) return;
    const bool whole = find_line();
    if (scanned_ - begin_ > limits_.line) {
        refuse("the line is too long");
        return;
    }
    if (!whole) {
        if (end_of_input_) closing_ = true;  // a cut line is not a command
        return;
    }
    out_ = on_line(std::string_view(in_).substr(begin_, scanned_ - begin_));
    sent_ = 0;
    ++answered_;
    if (out_.size() > limits_.backlog) broken_ = true;
    begin_ = ++scanned_;
    if (begin_ == in_.size()) {
        empty(in_);
        begin_ = scanned_ = 0;
    }
    find_line();
}

void SocketServer::Client::refuse(std::string_view why) {
    out_ += failure_line({Errc::protocol, std::string(why)});
    closing_ = true;
}

void SocketServer::Client::write_some() {
    while (pending() != 0 && !broken_) {
        const ssize_t sent =
            send(fd_.get(), out_.data() + sent_, pending(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) sent_ += static_cast<std::size_t>(sent);
        if (sent >= 0 || errno == EINTR) continue;
        if (errno != EAGAIN) broken_ = true;
        return;
    }
    empty(out_);
    sent_ = 0;
}

void SocketServer::Client::note_wait() {
    Wait wait = Wait::nothing;
    if (begin_ < in_.size()) wait = Wait::rest_of_line;
    if (pending() != 0) wait = Wait::reader;
    const std::size_t at = wait == Wait::reader ? sent_ : answered_;
    if (wait == wait_ && at == waiting_at_) return;
    wait_ = wait;
    waiting_at_ = at;
    since_ = Clock::now();
}

bool SocketServer::Client::late(Clock::time_point now) const {
    return wait_ != Wait::nothing && now - since_ > limits_.unfinished_line;
}

void SocketServer::Client::say_late() {
    if (wait_ != Wait::rest_of_line) return;
    refuse("the line was not finished in time");
    write_some();
}

}  // namespace usher
