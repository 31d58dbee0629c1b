// SPDX-License-Identifier: BSD-3-Clause
#include "control/log.hpp"

#include <gtest/gtest.h>

namespace usher {
namespace {

TEST(Log, ALineHasTimeAndLevel) {
    EXPECT_EQ(log_line(LogLevel::warning, "eth1 is down", 1769860800123),
              "2026-01-31T12:00:00.123Z warning: eth1 is down\n");
    EXPECT_EQ(journal_line(LogLevel::error, "no"), "<3>no\n");
}

TEST(Log, AMessageCannotForgeALine) {
    EXPECT_EQ(journal_line(LogLevel::info, "a\n<0>b\x1b[2J"), "<6>a\\x0a<0>b\\x1b[2J\n");
}

TEST(Log, LevelAndAreasAreSwitchedAtRunTime) {
    const LogConfig before = log_settings();
    set_log({LogLevel::notice, kDebugDrop});
    EXPECT_TRUE(log_enabled(LogLevel::notice));
    EXPECT_FALSE(log_enabled(LogLevel::info));
    EXPECT_TRUE(debug_enabled(kDebugDrop));
    EXPECT_FALSE(debug_enabled(kDebugState));
    set_log({LogLevel::debug, 0});
    EXPECT_TRUE(debug_enabled(kDebugState));
    testing::internal::CaptureStderr();
    log_debug(kDebugState, "{} -> {}", "SYN_RECV", "ESTABLISHED");
    set_log({LogLevel::error, 0});
    log_warning("not this");
    const std::string written = testing::internal::GetCapturedStderr();
    EXPECT_NE(written.find("SYN_RECV -> ESTABLISHED\n"), std::string::npos);
    EXPECT_EQ(written.find("not this"), std::string::npos);
    set_log(before);
}

}  // namespace
}  // namespace usher
