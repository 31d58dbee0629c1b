// SPDX-License-Identifier: BSD-3-Clause
#include "control/service_manager.hpp"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "nat/unique_fd.hpp"

namespace usher {
namespace {

void tell(const std::string& state) {
    const char* const named = std::getenv("NOTIFY_SOCKET");
    if (named == nullptr) return;
    const std::string_view name(named);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const bool usable = name.size() > 1 && (name[0] == '/' || name[0] == '@');
    if (!usable || name.size() >= sizeof address.sun_path) return;
    name.copy(address.sun_path, name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';  // an abstract one: no file, no final zero
    const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    [[maybe_unused]] const auto sent =
        sendto(fd.get(), state.data(), state.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address),
               static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size()));
}

// One line: another one would be another field.
std::string ready(std::string_view status) {
    std::string line(status.substr(0, status.find('\n')));
    return fmt::format("READY=1\nSTATUS={}", line);
}

}  // namespace

void tell_ready(std::string_view status) {
    tell(ready(status));
}

// The time is for managers that wait for the end of a reload which they asked for.
void tell_reloading() {
    using namespace std::chrono;
    const auto now = duration_cast<microseconds>(steady_clock::now().time_since_epoch());
    tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.count()));
}

void tell_reloaded(std::string_view status) {
    tell(ready(status));
}

void tell_stopping() {
    tell("STOPPING=1");
}

}  // namespace usher
