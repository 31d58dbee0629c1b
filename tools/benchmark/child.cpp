// SPDX-License-Identifier: BSD-3-Clause
#include "tools/benchmark/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "tools/benchmark/measure.hpp"

namespace usher::bench {

namespace {

constexpr std::chrono::seconds kPatience{60};
constexpr std::chrono::seconds kTimeToEnd{5};

// Between fork and exec.
[[noreturn]] void become(char* const* words, int in, int out) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::signal(SIGPIPE, SIG_DFL);
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    use_all_cores();
    execvp(words[0], words);
    _exit(127);
}

}  // namespace

Child::Child(const std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (const std::string& word : words)
        pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        throw std::runtime_error("no pipe");
    std::signal(SIGPIPE, SIG_IGN);  // a child that has died is noticed otherwise
    pid_ = fork();
    if (pid_ == 0) become(pointers.data(), in[0], out[1]);
    close(in[0]);
    close(out[1]);
    in_ = in[1];
    out_ = out[0];
    if (pid_ < 0) throw std::runtime_error("cannot start " + words[0]);
}

Child::~Child() {
    if (pid_ <= 0) return;
    release();
    kill(pid_, SIGTERM);
    const auto end = std::chrono::steady_clock::now() + kTimeToEnd;
    while (waitpid(pid_, nullptr, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() > end) kill(pid_, SIGKILL);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    close(in_);
    close(out_);
}

void Child::write(const std::string& text) {
    if (::write(in_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        throw std::runtime_error("a program that forwards has ended");
}

std::string Child::read_until(const std::string& text) {
    std::string all;
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (all.find(text) == std::string::npos) {
        pollfd readable{out_, POLLIN, 0};
        char buffer[4096];
        const ssize_t count =
            poll(&readable, 1, 1000) > 0 ? ::read(out_, buffer, sizeof buffer) : -1;
        if (count > 0) all.append(buffer, static_cast<std::size_t>(count));
        if (count == 0 || std::chrono::steady_clock::now() > end)
            throw std::runtime_error("a program that forwards does not answer; it says: " + all);
    }
    return all;
}

void Child::hold() {
    kill(pid_, SIGSTOP);
}

void Child::release() {
    kill(pid_, SIGCONT);
}

std::uint64_t Child::thread_nanoseconds(const std::string& part) const {
    std::error_code gone;
    const std::string threads = "/proc/" + std::to_string(pid_) + "/task";
    std::uint64_t all = 0;
    for (const auto& thread : std::filesystem::directory_iterator(threads, gone)) {
        std::string name;
        std::ifstream(thread.path() / "comm") >> name;
        if (name.find(part) == std::string::npos) continue;
        std::uint64_t nanoseconds = 0;
        std::ifstream(thread.path() / "schedstat") >> nanoseconds;
        all += nanoseconds;
    }
    return all;
}

}  // namespace usher::bench
