// SPDX-License-Identifier: BSD-3-Clause
#include "conf/check.hpp"

#include <gtest/gtest.h>

namespace usher {
namespace {

const MachineFacts kMachine{{"eth0", "eth1"}, {0, 1}, {"adm"}, {"rr", "wrr", "wlc"}};

std::string complaints(const std::string& text) {
    const ConfigResult result = parse_config(text, "f");
    return to_string(result ? check_config(*result, kMachine) : result.error());
}

TEST(CheckConfig, a_good_file_has_no_errors) {
    EXPECT_EQ(complaints("[[interface]]\nname = \"eth0\"\n[workers]\ncores = [1]\n"
                         "[control]\ngroup = \"adm\"\n[[service]]\ntcp = \"192.0.2.1:80\"\n"),
              "");
}

TEST(CheckConfig, tells_what_the_machine_lacks) {
    EXPECT_EQ(complaints("[[interface]]\nname = \"eth2\"\n[workers]\ncores = [1, 2]\n"
                         "[control]\ngroup = \"ops\"\n"
                         "[[service]]\ntcp = \"192.0.2.1:80\"\nscheduler = \"nq\"\n"),
              "f:2:8: no interface \"eth2\" on this machine; expected one of eth0, eth1\n"
              "f:4:13: no core 2 that this process may use; expected one of 0, 1\n"
              "f:6:9: no group \"ops\" on this machine\n"
              "f:9:13: no scheduler \"nq\"; expected one of rr, wrr, wlc\n");
}

TEST(CheckConfig, a_device_needs_no_kernel_interface) {
    EXPECT_EQ(complaints("[[interface]]\nname = \"wire\"\nattach = \"device\"\n"
                         "device = \"net_null0\"\n"),
              "");
}

TEST(CheckConfig, needs_an_interface) {
    EXPECT_EQ(complaints(""), "f:1:1: expected at least one [[interface]]\n");
}

}  // namespace
}  // namespace usher
