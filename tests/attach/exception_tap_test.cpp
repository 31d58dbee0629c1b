// SPDX-License-Identifier: BSD-3-Clause
// What refuses Linux's interface for a NIC that is all ours. In namespaces of its own; needs root.
#include "dataplane/exception_tap.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <thread>

namespace usher {
namespace {

constexpr MacAddress kMac{{2, 0, 0, 0, 0, 1}};

class ExceptionTapTest : public testing::Test {
  protected:
    // In a thread, whose namespaces end with it.
    void in_namespace(const std::function<void()>& body) {
        if (geteuid() != 0) GTEST_SKIP() << "needs root";
        std::thread([&] {
            ASSERT_EQ(unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_FS), 0);
            ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
            body();
        }).join();
    }
    static std::string refusal(const char* name, const MacAddress& mac, std::uint16_t mtu) {
        const auto tap = ExceptionTap::open(name, mac, mtu);
        return tap ? "" : tap.error().message;
    }
};

TEST_F(ExceptionTapTest, IsMade) {
    in_namespace([] {
        EXPECT_EQ(refusal("wan0", kMac, 1500), "");
        ASSERT_EQ(std::system("ip tuntap add wan1 mode tap"), 0);
        EXPECT_EQ(refusal("wan1", kMac, 1500), "") << "one that is there is taken";
    });
}

TEST_F(ExceptionTapTest, ANameThatIsTaken) {
    in_namespace([] {
        ASSERT_EQ(std::system("ip link add wan0 type veth peer name other0;"
                              "ip tuntap add wan1 mode tap multi_queue"),
                  0);
        for (const char* name : {"wan0", "wan1"})
            EXPECT_EQ(refusal(name, kMac, 1500),
                      std::string(name) +
                          ": Linux has such an interface already, and it is not a plain tap; "
                          "remove or rename it: ip link set " +
                          name + " name OTHER");
        const auto first = ExceptionTap::open("wan2", kMac, 1500);
        ASSERT_TRUE(first);
        EXPECT_EQ(refusal("wan2", kMac, 1500),
                  "wan2: Linux has such an interface already, which is no tap or in use by another "
                  "program; `ip link show wan2` shows it");
    });
}

TEST_F(ExceptionTapTest, AnAddressOrMtuThatLinuxRefuses) {
    in_namespace([] {
        EXPECT_EQ(refusal("wan0", MacAddress{{1, 0, 0, 0, 0, 1}}, 1500),
                  "wan0: it does not take the NIC's address 01:00:00:00:00:01 and MTU 1500: Cannot "
                  "assign requested address; see what other programs do with wan0");
        EXPECT_EQ(refusal("wan0", kMac, 8),
                  "wan0: it does not take the NIC's address 02:00:00:00:00:01 and MTU 8: Invalid "
                  "argument; see what other programs do with wan0");
    });
}

TEST_F(ExceptionTapTest, NoTapsAtAll) {
    in_namespace([] {
        ASSERT_EQ(mount("none", "/dev/net", "tmpfs", 0, nullptr), 0);
        EXPECT_EQ(refusal("wan0", kMac, 1500),
                  "wan0: /dev/net/tun cannot be opened (No such file or directory): modprobe tun; "
                  "in a container, allow the device");
    });
}

}  // namespace
}  // namespace usher
