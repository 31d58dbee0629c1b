// SPDX-License-Identifier: BSD-3-Clause
#include "control/service_manager.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "nat/unique_fd.hpp"

namespace usher {
namespace {

// Listens at `name`, where a leading @ is an abstract one's zero.
class Manager {
  public:
    explicit Manager(std::string name) : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        name.copy(address.sun_path, sizeof address.sun_path - 1);
        if (name[0] == '@') address.sun_path[0] = '\0';
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        EXPECT_EQ(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
        setenv("NOTIFY_SOCKET", name.c_str(), 1);
    }
    ~Manager() { unsetenv("NOTIFY_SOCKET"); }

    std::string heard() const {
        std::array<char, 1024> text;
        const ssize_t got = recv(fd_.get(), text.data(), text.size(), 0);
        return got < 0 ? "" : std::string(text.data(), static_cast<std::size_t>(got));
    }

  private:
    UniqueFd fd_;
};

TEST(ServiceManager, HearsByAPathAndByAnAbstractName) {
    const std::string unique = std::to_string(getpid());
    const std::string path = "/tmp/usher-notify-" + unique;
    for (const std::string& name : {path, "@usher-notify-" + unique}) {
        const Manager manager(name);
        tell_ready("all is well\nor so");
        EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=all is well") << name;
    }
    unlink(path.c_str());
}

TEST(ServiceManager, HearsOfAReload) {
    const Manager manager("@usher-reload-" + std::to_string(getpid()));
    tell_reloading();
    EXPECT_EQ(manager.heard().substr(0, 27), "RELOADING=1\nMONOTONIC_USEC=");
    tell_reloaded("as before");
    EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=as before");
    tell_stopping();
    EXPECT_EQ(manager.heard(), "STOPPING=1");
}

TEST(ServiceManager, MayBeAbsent) {
    unsetenv("NOTIFY_SOCKET");
    tell_ready("");
    for (const char* name : {"", "@", "relative", "/nowhere/at/all"}) {
        setenv("NOTIFY_SOCKET", name, 1);
        tell_ready("");
    }
    setenv("NOTIFY_SOCKET", std::string(200, '/').c_str(), 1);
    tell_ready("");
    unsetenv("NOTIFY_SOCKET");
}

}  // namespace
}  // namespace usher
